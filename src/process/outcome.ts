import type { RegisteredHandler } from '../handlers/handler-registry.ts';
import { errorText } from '../runtime/error-text.ts';
import { type InputIssue, PermanentFailure } from '../job/job-errors.ts';
import type { JobFailure, Json } from '../job/job.ts';
import { isA, read } from '../runtime/readable.ts';
import { storableText } from '../runtime/storable.ts';
import type { Settlement } from '../store/job-moves.ts';
import { InvalidResult } from './result.ts';
import type { RunningJob } from './running-job.ts';

/** How a handler ended: with a result, with an error, or not at all within the grace after its abort. */
export type Ending = { result: Json } | { error: unknown } | 'overruled';

const MAX_DELAY_MS = 30 * 86_400_000;
const DEFAULT_DELAY_MS = 1_000;
const CODE = /^[a-z0-9_]{1,64}$/;

type Verdict = Pick<Settlement, 'status' | 'reason' | 'result' | 'error' | 'delayMs'>;

const NOTHING = { result: null, error: null, delayMs: 0 };

/** The outcome of an attempt: completed, failed, cancelled, or queued again. */
export function settlementOf(job: RunningJob, handler: RegisteredHandler, ending: Ending): Settlement {
  const verdict = verdictOf(job, handler, ending);
  const newest = job.newestProgress;
  return { ...job.ref, ...verdict, progress: newest?.progress ?? null, tick: newest?.tick ?? 0 };
}

function verdictOf(job: RunningJob, handler: RegisteredHandler, ending: Ending): Verdict {
  if (ending !== 'overruled' && 'result' in ending) return completed(ending.result);
  const error = ending === 'overruled' ? null : ending.error;
  // The handler had returned, so this counts even if it was aborted meanwhile.
  if (isA(error, InvalidResult)) return failed(failureOf(error));
  switch (job.abortReason) {
    case 'cancelled':
      return { ...NOTHING, status: 'cancelled', reason: 'cancelled' };
    case 'shutdown':
    case 'lease_lost':
      return { ...NOTHING, status: 'queued', reason: job.abortReason };
    case 'timeout':
      return retried(job, handler, {
        code: 'timeout',
        message: `The attempt took longer than ${handler.timeoutMs} ms.`,
      });
    case null:
      return isA(error, PermanentFailure)
        ? failed(failureOf(error))
        : retried(job, handler, failureOf(error));
  }
}

function completed(result: Json): Verdict {
  return { ...NOTHING, status: 'completed', reason: 'completed', result };
}

function failed(error: JobFailure): Verdict {
  return { ...NOTHING, status: 'failed', reason: error.code, error };
}

function retried(job: RunningJob, handler: RegisteredHandler, error: JobFailure): Verdict {
  if (job.attempt >= job.maxAttempts) return failed(error);
  return { ...NOTHING, status: 'queued', reason: 'retry', error, delayMs: delayAfter(job.attempt, handler) };
}

/** A backoff function that throws or returns an invalid number must not lose the job. */
function delayAfter(attempt: number, handler: RegisteredHandler): number {
  try {
    const delayMs = Math.round(handler.backoff(attempt));
    return delayMs >= 0 ? Math.min(delayMs, MAX_DELAY_MS) : 0;
  } catch {
    return DEFAULT_DELAY_MS;
  }
}

/** The part of an error that is stored and shown: its code, and its message with those of its causes. Not the stack. */
function failureOf(error: unknown): JobFailure {
  return { code: codeOf(error), message: storableText(errorText(error)) };
}

function codeOf(error: unknown): string {
  if (isA(error, InvalidResult)) return 'invalid_result';
  const code = isA(error, PermanentFailure) ? read(error, 'code') : undefined;
  return typeof code === 'string' && CODE.test(code) ? code : 'handler_error';
}

/** A permanent failure: the schema may have changed since the job was submitted, so another attempt would not help. */
export function invalidPayload([first, ...more]: readonly InputIssue[]): PermanentFailure {
  const issue = first ? `: ${[first.path, first.message].filter(Boolean).join(' ')}` : '.';
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  return new PermanentFailure(`The payload does not fit${issue}${others}`, { code: 'invalid_payload' });
}
