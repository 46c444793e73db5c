import { setImmediate, setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { PermanentFailure } from '../../index.ts';
import { type JobContext, JobHandler } from '../../index.ts';

const MAX_STEPS = 10_000;

export const DemoStepsPayload = z.strictObject({
  steps: z.int().min(1).max(MAX_STEPS),
  /** Milliseconds that each step waits. */
  stepMs: z.int().min(0).max(60_000),
  /** The first step that throws; a step behind the last one never does. */
  failAtStep: z.int().min(1).max(MAX_STEPS).optional(),
  /** How many attempts `failAtStep` makes fail. Default: every one. */
  failAttempts: z.int().min(1).max(1_000).optional(),
  /** Fail for good, whatever attempts are left. */
  permanent: z.boolean().optional(),
  /** Logs an info line each so many steps. */
  logEvery: z.int().min(1).max(MAX_STEPS).optional(),
  /** Plays a handler that takes no notice of its signal. */
  ignoreAbort: z.boolean().optional(),
});
export type DemoStepsPayload = z.infer<typeof DemoStepsPayload>;

/** A job that only waits and reports: for demonstrations, and for trying out failures, retries and cancelling. */
@Injectable()
export class DemoSteps {
  @JobHandler('demo.steps', { schema: DemoStepsPayload })
  async run(payload: DemoStepsPayload, job: JobContext): Promise<{ steps: number }> {
    const { steps, logEvery } = payload;
    report(job, 0, steps);
    for (let step = 1; step <= steps; step++) {
      await waitStep(payload, job.signal);
      throwIfPlanned(payload, step, job.attempt);
      report(job, step, steps);
      if (logEvery && step % logEvery === 0) job.log.info(`step ${step} of ${steps} done`);
    }
    return { steps };
  }
}

/** `step` stays the same for the whole run: a change of it is published at once, which would undo the coalescing. */
function report(job: JobContext, done: number, total: number): void {
  job.progress({ done, total, unit: 'steps', step: 'working', message: `step ${done} of ${total}` });
}

/** Lets the event loop turn even when a step takes no time. Throws the signal's reason. */
async function waitStep({ stepMs, ignoreAbort }: DemoStepsPayload, signal: AbortSignal): Promise<void> {
  const options = ignoreAbort ? {} : { signal };
  try {
    await (stepMs === 0 ? setImmediate(undefined, options) : setTimeout(stepMs, undefined, options));
  } catch (error) {
    // The timers reject with an AbortError of their own, which only carries the reason as its cause.
    signal.throwIfAborted();
    throw error;
  }
}

function throwIfPlanned(payload: DemoStepsPayload, step: number, attempt: number): void {
  const { failAtStep, failAttempts = Infinity, permanent } = payload;
  if (failAtStep === undefined || step < failAtStep || attempt > failAttempts) return;
  const message = `Step ${step} failed on attempt ${attempt}, as the payload asked for.`;
  throw permanent ? new PermanentFailure(message, { code: 'demo_failure' }) : new Error(message);
}
