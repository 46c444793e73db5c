import type { RegisteredHandler } from '../handlers/handler-registry.ts';
import { errorText } from '../runtime/error-text.ts';
import { PermanentFailure } from '../job/job-errors.ts';
import type { JobFailure, Json } from '../job/job.ts';
import { storableJson, storableText } from '../runtime/storable.ts';
import type { Settlement } from '../store/job-moves.ts';
import type { RunningJob } from './running-job.ts';

/** How a handler ended: with a result, with an error, or not at all within the grace after its abort. */
export type Ending = { result: unknown } | { error: unknown } | 'overruled';

const MAX_RESULT = 256 * 1024;
const MAX_MESSAGE = 1_000;
const MAX_DELAY_MS = 30 * 86_400_000;
const DEFAULT_DELAY_MS = 1_000;
const CODE = /^[a-z0-9_]{1,64}$/;

type Verdict = Pick<Settlement, 'status' | 'reason' | 'result' | 'error' | 'delayMs'>;

/** What an attempt comes to: completed, failed, cancelled, or queued again. */
export function settlementOf(job: RunningJob, handler: RegisteredHandler, ending: Ending): Settlement {
  const verdict = verdictOf(job, handler, ending);
  const newest = job.newestProgress;
  return { ...job.ref, ...verdict, progress: newest?.progress ?? null, tick: newest?.tick ?? 0 };
}

function verdictOf(job: RunningJob, handler: RegisteredHandler, ending: Ending): Verdict {
  if (ending !== 'overruled' && 'result' in ending)
    return completed(ending.result) ?? failed(RESULT_NOT_JSON);
  switch (job.abortReason) {
    case 'cancelled':
      return { status: 'cancelled', reason: 'cancelled', result: null, error: null, delayMs: 0 };
    case 'shutdown':
    case 'lease_lost':
      return { status: 'queued', reason: job.abortReason, result: null, error: null, delayMs: 0 };
    case 'timeout':
      return retried(job, handler, {
        code: 'timeout',
        message: `The attempt took longer than ${handler.timeoutMs} ms.`,
      });
    case null: {
      const error = ending === 'overruled' ? null : ending.error;
      return error instanceof PermanentFailure
        ? failed(failureOf(error))
        : retried(job, handler, failureOf(error));
    }
  }
}

const RESULT_NOT_JSON: JobFailure = {
  code: 'invalid_result',
  message: 'The handler returned something that is not JSON, or more than 256 KiB of it.',
};

function completed(result: unknown): Verdict | null {
  try {
    const json = JSON.stringify(result ?? null);
    if (json === undefined || json.length > MAX_RESULT) return null;
    const stored = JSON.parse(storableJson(json)) as Json;
    return { status: 'completed', reason: 'completed', result: stored, error: null, delayMs: 0 };
  } catch {
    // Circular, or a BigInt: the verdict says so.
    return null;
  }
}

function failed(error: JobFailure): Verdict {
  return { status: 'failed', reason: error.code, result: null, error, delayMs: 0 };
}

function retried(job: RunningJob, handler: RegisteredHandler, error: JobFailure): Verdict {
  if (job.attempt >= job.maxAttempts) return failed(error);
  return {
    status: 'queued',
    reason: 'retry',
    result: null,
    error,
    delayMs: delayAfter(job.attempt, handler),
  };
}

/** A backoff function that fails or answers nonsense must not lose the job. */
function delayAfter(attempt: number, handler: RegisteredHandler): number {
  try {
    const delayMs = Math.round(handler.backoff(attempt));
    return delayMs >= 0 ? Math.min(delayMs, MAX_DELAY_MS) : 0;
  } catch {
    return DEFAULT_DELAY_MS;
  }
}

/** What is stored and shown of an error: its code and message. The stack stays in the log. */
function failureOf(error: unknown): JobFailure {
  const code = error instanceof PermanentFailure && CODE.test(error.code) ? error.code : 'handler_error';
  return { code, message: storableText(errorText(error).slice(0, MAX_MESSAGE)) };
}
