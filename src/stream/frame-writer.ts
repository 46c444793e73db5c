import type { Subscriber } from 'rxjs';
import type { WireFrame } from './frames.ts';
import type { StreamResponse } from './stream-http.ts';

/** Bytes that may wait for a client that does not read; past it the connection is dropped. */
export const MAX_PENDING = 256 * 1024;

/**
 * Writes the frames of one stream to Node's response. Nest would format and encode each frame for every client
 * anew and pass it through a stream of its own, at more than the cost of the delivery itself; here its bytes are made once
 * and shared. Nest still sends the headers, learns when the client leaves, and ends the response.
 */
export class FrameWriter {
  /** What came before the headers were sent; null once they are. */
  #early: WireFrame[] | null = [];

  constructor(
    private readonly nest: Subscriber<WireFrame>,
    private readonly response: StreamResponse,
  ) {}

  next(frame: WireFrame): void {
    if (this.#early && !this.#opened()) {
      if (this.#early.push(frame) === 1) this.#lookAgain();
      return;
    }
    this.#write(frame);
  }

  complete(): void {
    // Without headers, Nest sends them with the first event that it is given.
    if (this.#early && !this.#opened()) for (const frame of this.#early) this.nest.next(frame);
    this.#early = null;
    this.nest.complete();
  }

  /** Whether the headers are out; writes what waited for them. */
  #opened(): boolean {
    if (!this.response.headersSent) return false;
    const early = this.#early ?? [];
    this.#early = null;
    for (const frame of early) this.#write(frame);
    return true;
  }

  /** Nest sends the headers by a timer, as soon as nothing can answer with an error any more, and tells nobody. */
  #lookAgain(): void {
    setTimeout(() => {
      if (this.#early && !this.nest.closed && !this.#opened()) this.#lookAgain();
    }, 0);
  }

  #write(frame: WireFrame): void {
    const { nest, response } = this;
    if (nest.closed || response.destroyed || response.writableEnded) return;
    response.write(bytesOf(frame));
    if (response.writableLength <= MAX_PENDING) return;
    response.destroy();
    nest.complete();
  }
}

const encoded = new WeakMap<WireFrame, Buffer>();

/** The bytes of a frame, made once however many clients it is sent to. */
export function bytesOf(frame: WireFrame): Buffer {
  const known = encoded.get(frame);
  if (known) return known;
  const bytes = Buffer.from(textOf(frame));
  encoded.set(frame, bytes);
  return bytes;
}

/** The event stream format, as Nest writes it. */
function textOf({ type, id, retry, comment, data }: WireFrame): string {
  const fields = { event: type, id, retry, '': comment, data };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined
      ? []
      : String(value)
          .split(/\r\n|\r|\n/)
          .map((line) => `${name}: ${line}\n`),
  );
  return `${lines.join('')}\n`;
}
