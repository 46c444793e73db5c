import type { InputIssue } from '../job/job-errors.ts';
import { SseParser, type ServerEvent } from './sse-parser.ts';

/** `waiting`: the connection was lost, and a new attempt follows after `delayMs`. */
export type ConnectionState = 'connecting' | 'open' | 'waiting';

export interface EventStreamOptions {
  url: string;
  /** Asked at every connect, so that a token is always fresh. What it throws ends the stream. */
  headers?: () => HeadersInit | Promise<HeadersInit>;
  /** Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** Where to resume. Default: from the start. */
  lastEventId?: string;
  /** Ends the iteration, without an error. */
  signal?: AbortSignal;
  /** Milliseconds without a byte, heartbeats included, after which the connection is given up. Default 45,000. */
  idleMs?: number;
  /** Milliseconds before the first attempt to reconnect, until the server says `retry:`. Default 1,000. */
  retryMs?: number;
  /** Where the doubling of the delay stops, in milliseconds. Default 30,000. */
  maxRetryMs?: number;
  /** Gives 0 to 1; a delay grows by up to half of itself, so that viewers come back spread out. */
  random?: () => number;
  /** True for events to skip, which then do not move the place to resume from. Default: none. */
  skip?: (event: ServerEvent) => boolean;
  onState?: (state: ConnectionState, waiting?: { delayMs: number; cause: Error }) => void;
}

/** The server refused, could not be reached (status 0), or answered something that makes no sense. */
export class JobsClientError extends Error {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The service's stable code, else `http_<status>`, or one of the client's own, such as `unreachable`. */
  readonly code: string;
  /** Every place where the request did not fit its schema. */
  readonly issues?: InputIssue[];

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { issues?: InputIssue[]; cause?: unknown } = {},
  ) {
    super(message, { cause: extra.cause });
    this.name = 'JobsClientError';
    this.status = status;
    this.code = code;
    if (extra.issues) this.issues = extra.issues;
  }
}

/** Makes an error of an answer that is not 2xx, from the JSON in its body where there is some. */
export async function errorOf(response: Response): Promise<JobsClientError> {
  const { status, statusText } = response;
  const body = readJson(await response.text().catch(() => ''));
  const code = typeof body['code'] === 'string' ? body['code'] : `http_${status}`;
  const message =
    typeof body['message'] === 'string'
      ? body['message']
      : `The server answered ${status} ${statusText}`.trim();
  const issues = Array.isArray(body['issues']) ? (body['issues'] as InputIssue[]) : undefined;
  return new JobsClientError(status, code, message, { issues });
}

function readJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // A proxy's HTML page, for instance: the status alone has to tell.
    return {};
  }
}

/** What went wrong, with the reason that fetch() hides in `cause`. */
export function explain(error: unknown): string {
  const { message, cause } = Object(error) as {
    message?: string;
    cause?: { code?: string; message?: string };
  };
  const detail = cause?.code ?? cause?.message;
  return `${message ?? String(error)}${detail ? `: ${detail}` : ''}`;
}

/** Says that the connection ended in a way that a new one can mend. */
class ConnectionLost extends Error {
  readonly retryAfterMs: number;

  constructor(cause: unknown, retryAfterMs = 0) {
    super(explain(cause), { cause });
    this.name = 'ConnectionLost';
    this.retryAfterMs = retryAfterMs;
  }
}

/** No hint of a server, and no typing error in one, keeps a viewer away longer than this. */
const MAX_HINT_MS = 300_000;

/**
 * Reads a `text/event-stream` with `fetch` for as long as it lives. It reconnects, with `Last-Event-ID`, when
 * the connection breaks, ends, falls silent, or is refused with 408, 429 or 5xx. It ends at 204 and when
 * `signal` aborts. Throws `JobsClientError` for any other refusal, and `SseBufferOverflow`.
 */
export function openEventStream(options: EventStreamOptions): AsyncIterable<ServerEvent> {
  return new EventStreamReader(options).events();
}

class EventStreamReader {
  readonly #url: string;
  readonly #options: EventStreamOptions;
  #lastEventId: string;
  #retryMs: number;
  /** Connections in a row that brought no byte. */
  #failures = 0;
  #connection = new AbortController();

  constructor(options: EventStreamOptions) {
    // A URL that cannot be parsed must throw here: fetch() would report it like a broken connection, for ever.
    this.#url = new Request(options.url).url;
    this.#options = options;
    this.#lastEventId = options.lastEventId ?? '';
    this.#retryMs = options.retryMs ?? 1000;
  }

  async *events(): AsyncGenerator<ServerEvent, void, void> {
    const { signal, onState } = this.#options;
    while (!this.#options.signal?.aborted) {
      const lost = yield* this.#readOneConnection();
      if (!lost || signal?.aborted) return;
      const delayMs = this.#nextDelay(lost.retryAfterMs);
      this.#failures += 1;
      onState?.('waiting', { delayMs, cause: lost });
      await wait(delayMs, signal);
    }
  }

  /** Returns why the connection was lost, or null when the stream is over. */
  async *#readOneConnection(): AsyncGenerator<ServerEvent, ConnectionLost | null, void> {
    const { signal, onState } = this.#options;
    const connection = (this.#connection = new AbortController());
    const stop = (): void => connection.abort(signal?.reason);
    signal?.addEventListener('abort', stop);
    try {
      onState?.('connecting');
      const response = await this.#connect();
      if (response.status === 204) return null;
      onState?.('open');
      if (response.body) yield* this.#readEvents(response.body.getReader());
      return new ConnectionLost('The server ended the stream.');
    } catch (error) {
      if (error instanceof ConnectionLost) return error;
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
      connection.abort();
    }
  }

  async #connect(): Promise<Response> {
    const { fetch: request = fetch } = this.#options;
    const headers = new Headers(await this.#options.headers?.());
    headers.set('Accept', 'text/event-stream');
    if (this.#lastEventId) headers.set('Last-Event-ID', toByteString(this.#lastEventId));
    const { signal } = this.#connection;
    const response = await this.#unlessIdle(() => request(this.#url, { headers, signal, cache: 'no-store' }));
    if (response.status === 204) return response;
    if (!response.ok) throw await this.#refusal(response);
    if (/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) return response;
    const message = `${this.#url} did not answer with a text/event-stream.`;
    throw new JobsClientError(response.status, 'not_an_event_stream', message);
  }

  async #refusal(response: Response): Promise<Error> {
    const { status } = response;
    const error = await this.#unlessIdle(() => errorOf(response));
    const passing = status >= 500 || status === 408 || status === 429;
    return passing ? new ConnectionLost(error, retryAfter(response)) : error;
  }

  async *#readEvents(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): AsyncGenerator<ServerEvent, void, void> {
    const { signal, skip } = this.#options;
    const parser = new SseParser({ lastEventId: this.#lastEventId });
    for (;;) {
      const { done, value } = await this.#unlessIdle(() => reader.read());
      if (done) return;
      this.#failures = 0;
      const events = parser.push(value);
      this.#retryMs = parser.retryMs ?? this.#retryMs;
      for (const event of events) {
        if (skip?.(event)) continue;
        this.#lastEventId = event.id;
        yield event;
        if (signal?.aborted) return;
      }
      if (!skip) this.#lastEventId = parser.lastEventId;
    }
  }

  /** Does one step on the network; a failure, or silence for too long, is a lost connection. */
  async #unlessIdle<T>(step: () => Promise<T>): Promise<T> {
    const { signal, idleMs = 45_000 } = this.#options;
    const connection = this.#connection;
    if (signal?.aborted) throw new ConnectionLost(signal.reason);
    const giveUp = (): void => connection.abort(new Error(`The server sent nothing for ${idleMs} ms.`));
    const timer = setTimeout(giveUp, idleMs);
    try {
      return await step();
    } catch (error) {
      throw new ConnectionLost(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #nextDelay(retryAfterMs: number): number {
    const { maxRetryMs = 30_000, random = Math.random } = this.#options;
    const base = Math.min(Math.max(this.#retryMs, 1), MAX_HINT_MS);
    const backoff = Math.min(base * 2 ** Math.min(this.#failures, 20), Math.max(base, maxRetryMs));
    const delay = Math.max(backoff, Math.min(retryAfterMs, MAX_HINT_MS));
    return Math.round(delay * (1 + random() / 2));
  }
}

/** Milliseconds of `Retry-After` (RFC 9110, 10.2.3: seconds, or a date); 0 without one. */
function retryAfter(response: Response): number {
  const value = response.headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}

/** `Last-Event-ID` is sent as UTF-8, while fetch() takes header values byte by byte. */
function toByteString(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', finish);
    if (signal?.aborted) finish();
  });
}
