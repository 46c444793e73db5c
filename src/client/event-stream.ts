import type { InputIssue } from '../job/job-errors.ts';
import { SseParser, type ServerEvent } from './sse-parser.ts';

/** `waiting`: the connection was lost, and the next attempt follows after `delayMs`. */
export type ConnectionState = 'connecting' | 'open' | 'waiting';

export interface EventStreamOptions {
  url: string;
  /** Called for every connection, so that tokens are fresh. An exception ends the stream. */
  headers?: () => HeadersInit | Promise<HeadersInit>;
  /** Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** Where to resume. Default: from the start. */
  lastEventId?: string;
  /** Ends the iteration, without an error. */
  signal?: AbortSignal;
  /** Milliseconds without any byte, including heartbeats, after which the client reconnects. Default 45,000. */
  idleMs?: number;
  /** Milliseconds before the first reconnect, until the server sends `retry:`. Default 1,000. */
  retryMs?: number;
  /** Limit of the delay, which doubles with every failure, in milliseconds. Default 30,000. */
  maxRetryMs?: number;
  /** Returns 0 to 1. Delays are extended by up to half at random, so that viewers do not reconnect together. */
  random?: () => number;
  /** Returns true for events to skip; they do not change the position to resume from. Default: none. */
  skip?: (event: ServerEvent) => boolean;
  onState?: (state: ConnectionState, waiting?: { delayMs: number; cause: Error }) => void;
}

/** The server refused the request, could not be reached (status 0), or sent an invalid response. */
export class JobsClientError extends Error {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The service's stable code, else `http_<status>`, or a code of the client such as `unreachable`. */
  readonly code: string;
  /** Every problem of an invalid request. */
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

/** Converts a response that is not 2xx to an error, with the JSON of its body if there is any. */
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
    // Not JSON, for instance a proxy's HTML page, so only the status is known.
    return {};
  }
}

/** The message of an error, with the reason that fetch() hides in `cause`. */
export function explain(error: unknown): string {
  const { message, cause } = Object(error) as {
    message?: string;
    cause?: { code?: string; message?: string };
  };
  const detail = cause?.code ?? cause?.message;
  return `${message ?? String(error)}${detail ? `: ${detail}` : ''}`;
}

/** The connection was lost in a way that a new one can repair. */
class ConnectionLost extends Error {
  readonly retryAfterMs: number;

  constructor(cause: unknown, retryAfterMs = 0) {
    super(explain(cause), { cause });
    this.name = 'ConnectionLost';
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Longest delay that a server can request by `retry:` or `Retry-After`, so that a wrong value does not stop a viewer
 * for long.
 */
const MAX_HINT_MS = 300_000;

/**
 * Reads a `text/event-stream` with `fetch`. It reconnects with `Last-Event-ID` when the connection breaks, ends, falls
 * silent, or is refused with 408, 429 or 5xx. It ends on 204 and when `signal` aborts. Throws `JobsClientError` for any
 * other refusal, and `SseBufferOverflow`.
 */
export function openEventStream(options: EventStreamOptions): AsyncIterable<ServerEvent> {
  return new EventStreamReader(options).events();
}

class EventStreamReader {
  readonly #url: string;
  readonly #options: EventStreamOptions;
  #lastEventId: string;
  #retryMs: number;
  /** Consecutive connections that received no byte. */
  #failures = 0;
  #connection = new AbortController();

  constructor(options: EventStreamOptions) {
    // Throws for a URL that cannot be parsed. fetch() would report it like a broken connection, and the client would
    // retry for ever.
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

  /** Returns why the connection was lost, or null when the stream has ended. */
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

  /** Runs one step on the network. A failure, or silence for too long, counts as a lost connection. */
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

/** Encodes the value as UTF-8 bytes, because fetch() takes one character per byte in header values. */
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
