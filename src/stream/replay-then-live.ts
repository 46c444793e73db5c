import { type Cursor, isAfter } from '../job/cursor.ts';

/**
 * Joins a replay with the live frames that arrive meanwhile, without gaps or duplicates. Live frames wait until the
 * replay is known, and only frames after the last passed one are passed.
 */
export class ReplayThenLive<Frame extends { cursor: Cursor }> {
  #waiting: Frame[] | null = [];

  /** `passed` is the cursor after which frames pass. */
  constructor(private passed: Cursor) {}

  /** The cursor of the last frame that passed. */
  get cursor(): Cursor {
    return this.passed;
  }

  /** Takes a live frame. Returns the frames to send now. */
  live(frame: Frame): Frame[] {
    if (!this.#waiting) return this.#pass([frame]);
    this.#waiting.push(frame);
    return [];
  }

  /**
   * Takes the missed frames in any order. Returns them and the waiting frames in order. Live frames pass from now on.
   */
  replay(frames: Frame[]): Frame[] {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    const inOrder = [...frames, ...waiting].toSorted((a, b) =>
      isAfter(a.cursor, b.cursor) ? 1 : isAfter(b.cursor, a.cursor) ? -1 : 0,
    );
    return this.#pass(inOrder);
  }

  /**
   * Begins without a replay, for a viewer without a usable cursor. `first` shows the current state of the job, so
   * waiting frames that are not after it are dropped.
   */
  begin(first: Frame, rest: Frame[]): Frame[] {
    this.passed = first.cursor;
    return [first, ...this.replay(rest)];
  }

  #pass(frames: Frame[]): Frame[] {
    return frames.filter((frame) => {
      const newer = isAfter(frame.cursor, this.passed);
      if (newer) this.passed = frame.cursor;
      return newer;
    });
  }
}
