import type { StreamFrame } from './frames.ts';

interface LogData {
  lines: unknown[];
  dropped: number;
}

/** Leaves out log lines while the client is slow, and counts them in the next frame that passes. */
export class LogGate {
  #dropped = 0;

  constructor(private readonly client: { readonly congested: boolean }) {}

  /** The frame to send; null when it is left out. */
  pass(frame: StreamFrame): StreamFrame | null {
    if (frame.type !== 'log') return frame;
    if (this.client.congested) {
      this.#dropped += (JSON.parse(frame.data) as LogData).lines.length;
      return null;
    }
    if (this.#dropped === 0) return frame;
    const data = JSON.parse(frame.data) as LogData;
    const counted = { ...data, dropped: data.dropped + this.#dropped };
    this.#dropped = 0;
    return { ...frame, data: JSON.stringify(counted) };
  }
}
