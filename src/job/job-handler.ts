import { SetMetadata } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { LogLine } from './log-line.ts';
import type { Progress } from './job.ts';

/**
 * The payloads and results of a host's job types, by type name. A host extends it by declaration merging,
 * and `Jobs.submit()` is then checked by the compiler:
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
 * One line each, of which the first 2,000 characters are kept. An error becomes its class, code and message with those of
 * its causes, an object short JSON. Stacks stay out, as everybody who may see the job sees its lines: log `error.stack`
 * to show one.
 */
export type JobLog = Record<LogLevel, (entry: unknown) => void>;

/** What a handler gets beside its payload: one per attempt. */
export interface JobContext {
  readonly id: string;
  readonly type: string;
  readonly tenant: string;
  readonly owner: string | null;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /**
   * Aborts when the job is cancelled, times out, loses its lease or the process shuts down; `signal.reason`
   * is an Error that says which. Pass it on to everything that can be aborted.
   */
  readonly signal: AbortSignal;
  /** Lines for `GET /jobs/:id/logs` and for streams with `?logs=1`. */
  readonly log: JobLog;
  /** Reports absolute progress. Synchronous and cheap: call it as often as you like, it is coalesced. */
  progress(update: Partial<Progress>): void;
}

export interface JobHandlerOptions<Payload = unknown> {
  /** Checks the payload at submit and again before the handler runs (any Standard Schema, such as zod's). */
  schema: StandardSchemaV1<unknown, Payload>;
  /** One of the queues given to `JobsModule`. Default `default`. */
  queue?: string;
  /** Claims before the job fails. Default 3. */
  attempts?: number;
  /** Milliseconds before attempt `n + 1`, given that attempt `n` failed. Default: 1 s doubling to 5 min, ±25 % jitter. */
  backoff?: (failedAttempt: number) => number;
  /** Milliseconds an attempt may take; the signal then aborts and the attempt fails with `timeout`. Default: none. */
  timeoutMs?: number;
}

export interface JobHandlerMetadata extends JobHandlerOptions {
  type: string;
}

export const JOB_HANDLER = Symbol('jobstream:handler');

/**
 * Marks the method that runs jobs of `type` (`[a-z0-9._-]{1,64}`). It is called with the parsed payload and a
 * `JobContext`; what it returns (JSON) is the job's result, what it throws fails the attempt.
 */
export function JobHandler<Payload>(type: string, options: JobHandlerOptions<Payload>): MethodDecorator {
  const metadata: JobHandlerMetadata = { ...options, type };
  return SetMetadata(JOB_HANDLER, metadata) as MethodDecorator;
}
