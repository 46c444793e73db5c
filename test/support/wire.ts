import { connect, type Socket } from 'node:net';
import { target } from './http.ts';

/** One answer as it came over the wire. */
export interface WireAnswer {
  /** 0 where the server closed the connection without an answer. */
  status: number;
  /** The status line and the headers. */
  head: string;
  /** Of a stream, what came up to its first frame. */
  body: string;
  /** Whether another request may follow on the connection. */
  reusable: boolean;
}

const NONE: WireAnswer = { status: 0, head: '', body: '', reusable: false };
const TIMEOUT_MS = 30_000;
/** How long whoever has nothing more to send waits before saying so: Node drops what it is about to answer then. */
const LISTEN_MS = 250;

/** An HTTP/1.1 client that sends exactly the bytes it is given, one request at a time. */
export class WireClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(url: string) {
    const { host, port } = target(url);
    this.#socket = connect({ host, port: Number(port), noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    // A server may reset whoever still writes to it; what it answered before counts.
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Sends a request and resolves to its answer; rejects when there is none, and no close, within 30 s. */
  async exchange(request: Buffer | string, method = 'GET'): Promise<WireAnswer> {
    this.#socket.write(typeof request === 'string' ? Buffer.from(request, 'latin1') : request);
    return this.#answer(method);
  }

  /** Sends these bytes as all there will ever be, and resolves to the first answer. */
  async last(request: Buffer, method: string): Promise<WireAnswer> {
    this.#socket.write(request);
    const listened = setTimeout(() => this.#socket.end(), LISTEN_MS);
    return this.#answer(method).finally(() => clearTimeout(listened));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #answer(method: string): Promise<WireAnswer> {
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      this.#wake();
    }, TIMEOUT_MS);
    try {
      for (;;) {
        const found = parseAnswer(this.#received, method, this.#closed);
        if (found) {
          this.#received = this.#received.subarray(found.length);
          return { ...found.answer, reusable: found.answer.reusable && !this.#closed };
        }
        if (this.#closed) return NONE;
        if (late) throw new Error(`Neither an answer nor a close within ${TIMEOUT_MS} ms`);
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      clearTimeout(deadline);
    }
  }
}

interface Parsed {
  answer: WireAnswer;
  /** How many bytes it took. */
  length: number;
}

/** The answer at the beginning of these bytes; null while it is not complete. RFC 9112, 6.3. */
export function parseAnswer(bytes: Buffer, method: string, closed: boolean): Parsed | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = bytes.toString('latin1', 0, end);
  const start = end + 4;
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) throw new Error(`Not an answer of HTTP/1.1: ${head.slice(0, 200)}`);
  // 100 Continue comes before the answer.
  if (status < 200) return shifted(parseAnswer(bytes.subarray(start), method, closed), start);
  const body = bodyOf(bytes.subarray(start), head, method === 'HEAD' || status === 204 || status === 304);
  if (!body && !closed) return null;
  const text = body ?? { text: bytes.toString('utf8', start), length: bytes.length - start, endless: true };
  const reusable = !text.endless && !/^connection: close$/im.test(head);
  return { answer: { status, head, body: text.text, reusable }, length: start + text.length };
}

function shifted(parsed: Parsed | null, by: number): Parsed | null {
  return parsed && { ...parsed, length: parsed.length + by };
}

interface Body {
  text: string;
  length: number;
  endless: boolean;
}

function bodyOf(bytes: Buffer, head: string, none: boolean): Body | null {
  if (none) return { text: '', length: 0, endless: false };
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) {
    const size = Number(length);
    return bytes.length < size
      ? null
      : { text: bytes.toString('utf8', 0, size), length: size, endless: false };
  }
  if (!/^transfer-encoding: chunked$/im.test(head)) return null;
  const chunked = dechunk(bytes);
  if (chunked.complete) return { text: chunked.text, length: chunked.length, endless: false };
  const isFrame = /^content-type: text\/event-stream/im.test(head) && /\S\n\n$/.test(chunked.text);
  return isFrame ? { text: chunked.text, length: bytes.length, endless: true } : null;
}

function dechunk(bytes: Buffer): { text: string; length: number; complete: boolean } {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    const size = line < 0 ? Number.NaN : Number.parseInt(bytes.toString('latin1', at, line), 16);
    const next = line + 2 + size + 2;
    if (Number.isNaN(size) || bytes.length < next)
      return { text: Buffer.concat(parts).toString('utf8'), length: at, complete: false };
    if (size === 0) return { text: Buffer.concat(parts).toString('utf8'), length: next, complete: true };
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}
