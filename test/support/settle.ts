import { z } from 'zod';
import type { RegisteredHandler } from '../../src/handlers/handler-registry.ts';
import { type Ending, settlementOf } from '../../src/process/outcome.ts';
import { type AbortReason, RunningJob } from '../../src/process/running-job.ts';
import { InvalidResult, storedResult } from '../../src/process/result.ts';
import type { Settlement } from '../../src/store/job-moves.ts';
import { aClaimedJob } from './jobs.ts';

export const handler: RegisteredHandler = {
  type: 'test',
  schema: z.unknown(),
  queue: 'default',
  attempts: 3,
  timeoutMs: 700,
  backoff: (attempt) => attempt * 1_000,
  run: () => null,
  source: 'Test.run',
};

export interface Attempt {
  attempt?: number;
  abort?: AbortReason;
  backoff?: RegisteredHandler['backoff'];
}

/** A running job of three attempts. */
export function running(attempt = 1): RunningJob {
  const options = { progressIntervalMs: 10, progressed: () => undefined, log: () => undefined };
  return new RunningJob(aClaimedJob({ attempt, maxAttempts: 3, version: attempt * 2 }), options);
}

/** What a handler did: what it returned may be no JSON. */
export type Handled = { result: unknown } | { error: unknown } | 'overruled';

/** What an attempt that ended so comes to. */
export function settle(
  handled: Handled,
  { attempt = 1, abort, backoff = handler.backoff }: Attempt = {},
): Settlement {
  const job = running(attempt);
  if (abort) job.abort(abort);
  return settlementOf(job, { ...handler, backoff }, endingOf(handled));
}

function endingOf(handled: Handled): Ending {
  if (handled === 'overruled' || 'error' in handled) return handled;
  try {
    return { result: storedResult(handled.result) };
  } catch (error) {
    if (error instanceof InvalidResult) return { error };
    throw error;
  }
}
