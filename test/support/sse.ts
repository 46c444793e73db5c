import { request, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { JobView } from '../../src/job/job.ts';
import { noteSecrets, target, type Request } from './http.ts';

/** One block of the stream, up to its blank line. */
export interface Frame {
  /** The block as it came, without the blank line. */
  raw: string;
  id: string | null;
  event: string | null;
  retry: number | null;
  comment: string | null;
  /** The parsed JSON of the data lines; null when there are none. */
  data: FrameData | null;
  /** When it was complete, as `Date.now()` counts. */
  at: number;
}

/** What the data of some event may hold. */
export interface FrameData {
  job?: JobView;
  status?: string;
  version?: number;
  attempt?: number;
  reason?: string;
  reconnect?: boolean;
  progress?: { done: number; total: number; percent: number };
  lines?: { n: number; level: string; text: string; at: string }[];
  dropped?: number;
}

const TIMEOUT_MS = 10_000;

/**
 * A deliberately simple event stream client that keeps every byte, independent of the product's own client.
 * Get one from `openStream()`.
 */
export class SseStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Everything that was received. */
  text = '';
  readonly frames: Frame[] = [];
  /** Whether the server has ended the response, or the connection broke. */
  closed = false;
  readonly #waiting = new Set<() => void>();
  #parsed = 0;

  constructor(
    private readonly call: ClientRequest,
    response: IncomingMessage,
  ) {
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.#receive(chunk));
    response.on('error', () => undefined);
    response.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** The frames that carry an event, that is, all but comments. */
  get events(): Frame[] {
    return this.frames.filter(({ event }) => event !== null);
  }

  /** The frames of one event name. */
  of(event: string): Frame[] {
    return this.frames.filter((frame) => frame.event === event);
  }

  /** The first frame that matches, which may have come already. Rejects when the stream closes without it. */
  async untilFrame(matches: (frame: Frame) => boolean, timeoutMs = TIMEOUT_MS): Promise<Frame> {
    await this.#until(() => this.closed || this.frames.some(matches), timeoutMs);
    const found = this.frames.find(matches);
    if (!found) throw new Error(`The stream closed without the frame. It sent:\n${this.text}`);
    return found;
  }

  untilEvent(event: string, timeoutMs = TIMEOUT_MS): Promise<Frame> {
    return this.untilFrame((frame) => frame.event === event, timeoutMs);
  }

  async untilClosed(timeoutMs = TIMEOUT_MS): Promise<void> {
    await this.#until(() => this.closed, timeoutMs);
  }

  /** Leaves without a word, as a closed tab does. */
  destroy(): void {
    this.call.destroy();
  }

  #receive(chunk: string): void {
    this.text += chunk;
    for (;;) {
      const end = this.text.indexOf('\n\n', this.#parsed);
      if (end < 0) break;
      // What precedes the first block is the line break with which Nest sends the headers on their way.
      const raw = this.text.slice(this.#parsed, end).replace(/^\n+/, '');
      this.#parsed = end + 2;
      if (raw !== '') this.frames.push(parseFrame(raw));
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #until(reached: () => boolean, timeoutMs: number): Promise<void> {
    if (reached()) return;
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
      };
      const check = (): void => {
        if (!reached()) return;
        done();
        resolve();
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`Waited ${timeoutMs} ms in vain. The stream sent:\n${this.text}`));
      }, timeoutMs);
      this.#waiting.add(check);
    });
  }
}

/** Opens a stream; rejects with the answer when its status is not 200. */
export function openStream(url: string, { token, headers }: Request = {}): Promise<SseStream> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const all = { accept: 'text/event-stream', ...authorization, ...headers };
  return new Promise((resolve, reject) => {
    const call = request({ ...target(url), agent: false, headers: all }, (response) => {
      const stream = new SseStream(call, response);
      noteSecrets(url, { token, headers: all }, { headers: response.headers, text: '' });
      if (stream.status === 200) return resolve(stream);
      response.on('close', () => reject(new Error(`Status ${stream.status}: ${stream.text}`)));
    });
    call.on('error', reject);
    call.end();
  });
}

function parseFrame(raw: string): Frame {
  const valuesOf = (name: string): string[] =>
    raw
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ''));
  const data = valuesOf('data');
  const retry = valuesOf('retry').at(-1);
  return {
    raw,
    id: valuesOf('id').at(-1) ?? null,
    event: valuesOf('event').at(-1) ?? null,
    retry: retry === undefined ? null : Number(retry),
    comment: valuesOf('').at(-1) ?? null,
    data: data.length > 0 ? (JSON.parse(data.join('\n')) as FrameData) : null,
    at: Date.now(),
  };
}

/** `[version, tick]` of each id, for comparing. */
export function cursorsOf(frames: Frame[]): [number, number][] {
  return frames.map(({ id, raw }) => {
    const match = /^(\d+)\.(\d+)$/.exec(id ?? '');
    if (!match) throw new Error(`Not a cursor in:\n${raw}`);
    return [Number(match[1]), Number(match[2])];
  });
}

/** Whether the ids of the frames strictly increase. */
export function increases(frames: Frame[]): boolean {
  const cursors = cursorsOf(frames);
  return cursors.every(([version, tick], index) => {
    const [previous, before] = cursors[index - 1] ?? [-1, 0];
    return version > previous || (version === previous && tick > before);
  });
}
