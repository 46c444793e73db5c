import { SetMetadata } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { LogLine } from './log-line.ts';
import type { Progress } from './job.ts';

/**
 * The payloads of the host's job types, by type name. Hosts extend it by declaration merging, so that the compiler
 * checks `Jobs.submit()`:
 *
 * ```ts
 * declare module 'nestjs-jobstream' {
 *   interface JobTypes { 'csv.import': { payload: { file: string; table: string } } }
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- hosts fill it by declaration merging
export interface JobTypes {}

export type JobType = keyof JobTypes extends never ? string : Extract<keyof JobTypes, string>;
export type PayloadOf<T extends string> = T extends keyof JobTypes
  ? JobTypes[T] extends { payload: infer P }
    ? P
    : unknown
  : unknown;

export type LogLevel = LogLine['level'];

/**
 * Each call writes one line, cut at 2,000 characters. An error is written as class, code and message, followed by those
 * of its causes; an object as short JSON. Stacks are left out because everyone who may see the job sees its lines; log
 * `error.stack` to include one.
 */
export type JobLog = Record<LogLevel, (entry: unknown) => void>;

/** The second argument of a handler, after the payload. Every attempt gets its own. */
export interface JobContext {
  readonly id: string;
  readonly type: string;
  readonly tenant: string;
  readonly owner: string | null;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /**
   * Aborts when the job is cancelled, times out or loses its lease, and when the process shuts down. `signal.reason` is
   * an Error that names the cause. Pass the signal to everything that can be aborted.
   */
  readonly signal: AbortSignal;
  /** Writes log lines, served by `GET /jobs/:id/logs` and by streams with `?logs=1`. */
  readonly log: JobLog;
  /** Reports absolute progress. Synchronous and cheap because updates are coalesced: call it as often as you like. */
  progress(update: Partial<Progress>): void;
}

export interface JobHandlerOptions<Payload = unknown> {
  /** Checks the payload at submit and again before the handler runs (any Standard Schema, such as zod's). */
  schema: StandardSchemaV1<unknown, Payload>;
  /** Name of a queue given to `JobsModule`. Default `default`. */
  queue?: string;
  /** Attempts (claims) until the job fails for good. Default 3. */
  attempts?: number;
  /** Milliseconds to wait after attempt `failedAttempt` failed. Default: 1 s, doubling up to 5 min, ±25 % jitter. */
  backoff?: (failedAttempt: number) => number;
  /**
   * Longest duration of an attempt in milliseconds. When it is over, the signal aborts and the attempt fails with
   * `timeout`. Default: none.
   */
  timeoutMs?: number;
}

export interface JobHandlerMetadata extends JobHandlerOptions {
  type: string;
}

export const JOB_HANDLER = Symbol('jobstream:handler');

/**
 * Marks the method that runs jobs of `type` (`[a-z0-9._-]{1,64}`). The method gets the parsed payload and a
 * `JobContext`. Its return value (JSON) becomes the job's result; an exception fails the attempt.
 */
export function JobHandler<Payload>(type: string, options: JobHandlerOptions<Payload>): MethodDecorator {
  const metadata: JobHandlerMetadata = { ...options, type };
  return SetMetadata(JOB_HANDLER, metadata) as MethodDecorator;
}
