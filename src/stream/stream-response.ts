import type { Closable } from './admission.ts';
import type { Pressure } from './viewer.ts';

/** Node's own response. */
export interface StreamResponse extends Closable, Pressure {
  /** Null while the response is pipelined behind another, and after its end. */
  readonly socket: object | null;
  destroy(): unknown;
  setTimeout(milliseconds: number, callback?: () => void): unknown;
  prependOnceListener(event: 'finish', listener: () => void): unknown;
}
