import type { ViewerToken } from '../job/credentials.ts';
import type { JobStatus, JobView, Json } from '../job/job.ts';
import type { LogLine } from '../job/log-line.ts';
import type { FeedEvents, JobEvents } from '../job/stream-events.ts';
import { errorOf, explain, JobsClientError, openEventStream, type ConnectionState } from './event-stream.ts';
import type { ServerEvent } from './sse-parser.ts';

export interface JobsClientOptions {
  /** URL of the service, such as `https://jobs.example.com/api`. */
  baseUrl: string;
  /**
   * A bearer token, or a function that returns one. It is called for every request and every connection of a stream.
   */
  token: string | (() => string | Promise<string>);
  /** Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** Milliseconds that a request may take. Does not apply to streams. Default 30,000. */
  timeoutMs?: number;
}

export interface SubmitOptions {
  /** Makes it safe to repeat a submit: the same key and payload return the same job. */
  idempotencyKey?: string;
  /** Earliest start; strings are ISO 8601. Default: now. */
  runAt?: Date | string;
  /** 0 to 9; higher runs first. Default 0. */
  priority?: number;
  /** Up to 16 tags of up to 64 characters. */
  tags?: string[];
  /** Default: `attempts` of the handler. */
  maxAttempts?: number;
}

export interface SubmitAnswer {
  job: JobView;
  /** A read-only token for this job only, to pass to a page that shows it. */
  viewer: ViewerToken;
  /** Whether the job existed already, from an earlier submit with the same idempotency key. */
  replayed: boolean;
}

export interface JobFilters {
  status?: JobStatus;
  type?: string;
  tag?: string;
}

/** `n` is counted from 1 within the job. */
export type JobLogLine = LogLine;

export type FrameData = JobEvents & FeedEvents;

export type Frame<Type extends keyof FrameData> = {
  [T in Type]: { type: T; id: string; data: FrameData[T] };
}[Type];

/** A frame of the stream of one job, discriminated by `type`; `id` is the position to resume from. */
export type JobFrame = Frame<
  'snapshot' | 'state' | 'progress' | 'log' | 'end' | 'reset' | 'bye' | 'heartbeat'
>;
/**
 * A frame of the feed of many jobs. Every `job` frame is complete and has a version, so repeated frames are harmless.
 */
export type FeedFrame = Frame<'job' | 'gone' | 'ready' | 'reset' | 'bye'>;

const JOB_FRAMES: readonly JobFrame['type'][] = [
  'snapshot',
  'state',
  'progress',
  'log',
  'end',
  'reset',
  'bye',
  'heartbeat',
];
const FEED_FRAMES: readonly FeedFrame['type'][] = ['job', 'gone', 'ready', 'reset', 'bye'];

export interface StreamOptions {
  /** Ends the iteration, without an error. */
  signal?: AbortSignal;
  onState?: (state: ConnectionState, waiting?: { delayMs: number; cause: Error }) => void;
}

export interface WatchOptions extends StreamOptions {
  /** Whether to receive `log` frames. Default false. */
  logs?: boolean;
  /** The id of the last frame seen. Default: start with a `snapshot`. */
  after?: string;
}

/** A client for a Jobstream service. Throws `JobsClientError` for errors of the service and of the connection. */
export class JobsClient {
  readonly #options: JobsClientOptions;
  readonly #baseUrl: string;

  constructor(options: JobsClientOptions) {
    this.#options = options;
    this.#baseUrl = options.baseUrl.replace(/\/+$/, '');
  }

  async submit(type: string, payload: Json, options: SubmitOptions = {}): Promise<SubmitAnswer> {
    const { idempotencyKey, ...rest } = options;
    const headers = new Headers(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey });
    headers.set('Content-Type', 'application/json');
    const response = await this.#send('/jobs', {
      method: 'POST',
      headers,
      body: JSON.stringify({ type, payload, ...rest }),
    });
    const replayed = response.headers.get('Idempotency-Replayed') === 'true';
    return { ...(await readBody<Omit<SubmitAnswer, 'replayed'>>(response)), replayed };
  }

  async get(id: string, options: { payload?: boolean } = {}): Promise<JobView> {
    return this.#read(pathOf(id) + query({ include: options.payload ? 'payload' : undefined }));
  }

  /** One page, newest first, with `limit` up to 100. Pass `nextCursor` as `cursor` until it is null. */
  async list(
    filters: JobFilters & { limit?: number; cursor?: string } = {},
  ): Promise<{ jobs: JobView[]; nextCursor: string | null }> {
    return this.#read(`/jobs${query({ ...filters })}`);
  }

  async cancel(id: string): Promise<JobView> {
    return this.#read(`${pathOf(id)}/cancel`, { method: 'POST' });
  }

  /** Queues a failed or cancelled job again. */
  async retry(id: string): Promise<JobView> {
    return this.#read(`${pathOf(id)}/retry`, { method: 'POST' });
  }

  /** Lines after number `after` (default 0), oldest first. Pass `next` as `after` to read on. */
  async logs(
    id: string,
    options: { after?: number } = {},
  ): Promise<{ lines: JobLogLine[]; next: number | null }> {
    return this.#read(`${pathOf(id)}/logs${query({ after: options.after })}`);
  }

  /**
   * Follows a job across reconnects, with every frame once. Ends after `end`, or after a `bye` without reconnect. Ends
   * at once, without a frame, when nothing follows `after`.
   */
  async *watch(id: string, options: WatchOptions = {}): AsyncGenerator<JobFrame, void, void> {
    const path = `${pathOf(id)}/events${query({ logs: options.logs ? 1 : undefined })}`;
    const events = this.#open(path, options, { lastEventId: options.after, skip: repeats(options.after) });
    for await (const event of events) {
      const frame = toFrame(event, JOB_FRAMES);
      if (!frame || comesBack(frame)) continue;
      yield frame;
      if (frame.type === 'end' || frame.type === 'bye') return;
    }
  }

  /** Follows all matching jobs across reconnects. Ends after a `bye` without reconnect. */
  async *feed(
    filters: JobFilters & { jobs?: string[] } = {},
    options: StreamOptions = {},
  ): AsyncGenerator<FeedFrame, void, void> {
    const { jobs: job, ...rest } = filters;
    for await (const event of this.#open(`/jobs/events${query({ ...rest, job })}`, options)) {
      const frame = toFrame(event, FEED_FRAMES);
      if (!frame || comesBack(frame)) continue;
      yield frame;
      if (frame.type === 'bye') return;
    }
  }

  /** Resolves to the job when it is final: completed, failed or cancelled. Throws `signal.reason` when aborted. */
  async waitFor(id: string, options: { signal?: AbortSignal } = {}): Promise<JobView> {
    for await (const frame of this.watch(id, options)) {
      if (frame.type === 'end') return frame.data.job;
    }
    options.signal?.throwIfAborted();
    const job = await this.get(id);
    if (job.status !== 'queued' && job.status !== 'active') return job;
    throw new JobsClientError(
      200,
      'stream_ended',
      `The stream of job ${id} ended while it is ${job.status}.`,
    );
  }

  #open(path: string, options: StreamOptions, resume: { lastEventId?: string; skip?: Skip } = {}) {
    const { signal, onState } = options;
    const headers = () => this.#authorization();
    const url = this.#baseUrl + path;
    return openEventStream({ url, headers, fetch: this.#options.fetch, signal, onState, ...resume });
  }

  async #read<T>(path: string, init?: RequestInit): Promise<T> {
    return readBody<T>(await this.#send(path, init));
  }

  async #send(path: string, init: RequestInit = {}): Promise<Response> {
    const { fetch: request = fetch, timeoutMs = 30_000 } = this.#options;
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(await this.#authorization())) headers.set(name, value);
    const url = this.#baseUrl + path;
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await request(url, { ...init, headers, signal }).catch((cause: unknown) => {
      throw new JobsClientError(0, 'unreachable', `${url} could not be reached: ${explain(cause)}`, {
        cause,
      });
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  async #authorization(): Promise<{ Authorization: string }> {
    const { token } = this.#options;
    return { Authorization: `Bearer ${typeof token === 'string' ? token : await token()}` };
  }
}

type Skip = (event: ServerEvent) => boolean;

/** Detects frames that a new connection repeats: those whose `<version>.<tick>` is not after the last one. */
function repeats(after = ''): Skip {
  let last = after.split('.').map(Number);
  return ({ event, id }) => {
    if (event === 'bye' || event === 'heartbeat') return false;
    const [version = NaN, tick = NaN] = id.split('.').map(Number);
    const [lastVersion = NaN, lastTick = NaN] = last;
    // Frames after a reset may be older. Comparisons with NaN, from a malformed id, are false.
    const old = event !== 'reset' && (version < lastVersion || (version === lastVersion && tick <= lastTick));
    if (!old) last = event === 'reset' ? [] : [version, tick];
    return old;
  };
}

function comesBack(frame: JobFrame | FeedFrame): boolean {
  return frame.type === 'bye' && frame.data.reconnect;
}

/** Null for an unknown type, because a newer service may send more. */
function toFrame<T extends keyof FrameData>(
  { event, id, data }: ServerEvent,
  types: readonly T[],
): Frame<T> | null {
  const type = types.find((known) => known === event);
  return type ? ({ type, id, data: parseJson(data, 200, `The ${event} frame`) } as Frame<T>) : null;
}

async function readBody<T>(response: Response): Promise<T> {
  const { status, url } = response;
  const text = await response.text().catch((cause: unknown) => {
    throw new JobsClientError(
      status,
      'unreachable',
      `The response of ${url} was cut off: ${explain(cause)}`,
      {
        cause,
      },
    );
  });
  return parseJson(text, status, `The response of ${url}`) as T;
}

function parseJson(text: string, status: number, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new JobsClientError(status, 'malformed_answer', `${what} is not JSON.`, { cause });
  }
}

function pathOf(id: string): string {
  return `/jobs/${encodeURIComponent(id)}`;
}

function query(values: Record<string, string | number | string[] | undefined>): string {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    [value ?? []].flat().map((item) => [name, String(item)]),
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
}
