import { type Cursor, isAfter, START } from '../job/cursor.ts';
import type { StreamFrame } from './frames.ts';

interface LogData {
  lines: unknown[];
  dropped: number;
}

/** Leaves out log lines while the client is slow, and counts them in the next log frame that passes, or before `end`. */
export class LogGate {
  #dropped = 0;
  #newest: Cursor = START;

  constructor(private readonly client: { readonly congested: boolean }) {}

  /** The frames to send for this one: none when it is left out. */
  through(frame: StreamFrame): StreamFrame[] {
    const owed = frame.type === 'end' ? this.#owed() : [];
    if (isAfter(frame.cursor, this.#newest)) this.#newest = frame.cursor;
    const passed = this.pass(frame);
    return passed ? [...owed, passed] : owed;
  }

  /** The frame to send; null when it is left out. */
  pass(frame: StreamFrame): StreamFrame | null {
    if (frame.type !== 'log') return frame;
    if (this.client.congested) {
      const { lines, dropped } = JSON.parse(frame.data) as LogData;
      this.#dropped += lines.length + dropped;
      return null;
    }
    if (this.#dropped === 0) return frame;
    const data = JSON.parse(frame.data) as LogData;
    const counted = { ...data, dropped: data.dropped + this.#takeDropped() };
    return { ...frame, data: JSON.stringify(counted) };
  }

  /**
   * No log frame follows that could count what was left out. The tick after all others is free, as the attempt is over,
   * and `end` is of a later version: ids still increase.
   */
  #owed(): StreamFrame[] {
    if (this.#dropped === 0) return [];
    const { version, tick } = this.#newest;
    const data = JSON.stringify({ lines: [], dropped: this.#takeDropped() });
    return [{ cursor: { version, tick: tick + 1 }, type: 'log', data }];
  }

  #takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
