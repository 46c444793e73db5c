import { type Cursor, isAfter } from '../job/cursor.ts';

/**
 * Joins what is replayed to what arrives meanwhile, without a gap or a double: live frames wait until the
 * replay is known, and nothing passes that is not after everything that passed before.
 */
export class ReplayThenLive<Frame extends { cursor: Cursor }> {
  #waiting: Frame[] | null = [];

  /** Starts after `cursor`: only what comes after it passes. */
  constructor(private passed: Cursor) {}

  /** The cursor of the last frame that passed. */
  get cursor(): Cursor {
    return this.passed;
  }

  /** A frame that has just happened; answers what may be sent now. */
  live(frame: Frame): Frame[] {
    if (!this.#waiting) return this.#pass([frame]);
    this.#waiting.push(frame);
    return [];
  }

  /** What the viewer has missed, in any order; answers it and what waited for it, in order. Live frames pass from now on. */
  replay(frames: Frame[]): Frame[] {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    const inOrder = [...frames, ...waiting].toSorted((a, b) =>
      isAfter(a.cursor, b.cursor) ? 1 : isAfter(b.cursor, a.cursor) ? -1 : 0,
    );
    return this.#pass(inOrder);
  }

  /**
   * A beginning instead of a replay, for a viewer without a cursor that is of use: `first` stands for the job as it
   * is, so that what waited and is not after it is old news.
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
