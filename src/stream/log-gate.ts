import { type Cursor, isAfter, START } from '../job/cursor.ts';
import type { StreamFrame } from './frames.ts';

interface LogData {
  lines: unknown[];
  dropped: number;
}

/**
 * Drops log lines while the client is slow. The number of dropped lines is reported in the next log frame, or before
 * `end`.
 */
export class LogGate {
  #dropped = 0;
  #newest: Cursor = START;

  constructor(private readonly client: { readonly congested: boolean }) {}

  /** The frames to send in place of this one; none when it is dropped. */
  through(frame: StreamFrame): StreamFrame[] {
    const owed = frame.type === 'end' ? this.#owed() : [];
    if (isAfter(frame.cursor, this.#newest)) this.#newest = frame.cursor;
    const passed = this.pass(frame);
    return passed ? [...owed, passed] : owed;
  }

  /** The frame to send; null when it is dropped. */
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
   * A last log frame with the count, because none follows before `end`. Its tick is unused because the attempt is over,
   * and `end` has a later version, so ids still increase.
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
