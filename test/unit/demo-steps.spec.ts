import { describe, expect, it } from '@jest/globals';
import { PermanentFailure } from '../../src/job/job-errors.ts';
import { toProgress } from '../../src/job/progress.ts';
import { DemoSteps, DemoStepsPayload } from '../../src/service/handlers/demo-steps.ts';
import { recordingJobContext } from '../support/job-context.ts';

const demo = new DemoSteps();

describe('demo.steps', () => {
  it('reports every step as done of total and returns the number of steps', async () => {
    const job = recordingJobContext();

    expect(await demo.run({ steps: 4, stepMs: 1 }, job)).toEqual({ steps: 4 });

    expect(job.updates.map(({ done, total }) => [done, total])).toEqual([
      [0, 4],
      [1, 4],
      [2, 4],
      [3, 4],
      [4, 4],
    ]);
    expect(toProgress(job.updates[2] ?? {})).toMatchObject({
      percent: 50,
      unit: 'steps',
      message: 'step 2 of 4',
    });
  });

  it('keeps the same phase for the whole run, so that its progress can be coalesced', async () => {
    const job = recordingJobContext();
    await demo.run({ steps: 50, stepMs: 0 }, job);
    expect(new Set(job.updates.map(({ step }) => step)).size).toBe(1);
  });

  it('waits at least as long as its steps', async () => {
    const started = performance.now();
    await demo.run({ steps: 3, stepMs: 20 }, recordingJobContext());
    // Node's timers may fire up to 1 ms early.
    expect(performance.now() - started).toBeGreaterThanOrEqual(57);
  });

  it('lets the event loop turn when its steps take no time', async () => {
    const job = recordingJobContext();
    let doneMeanwhile = -1;
    setTimeout(() => (doneMeanwhile = job.updates.at(-1)?.done ?? -1), 1);

    await demo.run({ steps: 10_000, stepMs: 0 }, job);

    expect(doneMeanwhile).toBeGreaterThanOrEqual(0);
    expect(doneMeanwhile).toBeLessThan(10_000);
  });

  it('logs a line each so many steps', async () => {
    const job = recordingJobContext();
    await demo.run({ steps: 7, stepMs: 0, logEvery: 3 }, job);
    expect(job.lines).toEqual([
      { level: 'info', text: 'step 3 of 7 done' },
      { level: 'info', text: 'step 6 of 7 done' },
    ]);
  });

  it('throws at the step it was told to and reports nothing of that step', async () => {
    const job = recordingJobContext();
    await expect(demo.run({ steps: 5, stepMs: 0, failAtStep: 3 }, job)).rejects.toThrow(
      'Step 3 failed on attempt 1',
    );
    expect(job.updates.at(-1)?.done).toBe(2);
  });

  it('fails the first attempts only when told how many', async () => {
    const payload = { steps: 2, stepMs: 0, failAtStep: 1, failAttempts: 2 };
    await expect(demo.run(payload, recordingJobContext({ attempt: 2 }))).rejects.toThrow('attempt 2');
    expect(await demo.run(payload, recordingJobContext({ attempt: 3 }))).toEqual({ steps: 2 });
  });

  it('fails every attempt when not told how many', async () => {
    const payload = { steps: 2, stepMs: 0, failAtStep: 1 };
    await expect(demo.run(payload, recordingJobContext({ attempt: 99 }))).rejects.toThrow('attempt 99');
  });

  it('throws an ordinary error unless asked for a permanent failure', async () => {
    const payload = { steps: 1, stepMs: 0, failAtStep: 1 };
    const failure = (extra: object) =>
      demo.run({ ...payload, ...extra }, recordingJobContext()).catch((error: unknown) => error);
    expect(await failure({})).not.toBeInstanceOf(PermanentFailure);
    expect(await failure({ permanent: true })).toBeInstanceOf(PermanentFailure);
  });

  it.each([0, 60_000])('stops with the reason of the abort while steps take %d ms', async (stepMs) => {
    const reason = new Error('cancelled by somebody');
    const job = recordingJobContext({ onProgress: ({ done }, self) => done === 3 && self.abort(reason) });
    const late = recordingJobContext();
    setTimeout(() => late.abort(reason), 5);

    await expect(demo.run({ steps: 10_000, stepMs: Math.min(stepMs, 1) }, job)).rejects.toBe(reason);
    await expect(demo.run({ steps: 10_000, stepMs }, late)).rejects.toBe(reason);
    expect(job.updates.at(-1)?.done).toBe(3);
  });

  it.each([0, 1])('takes no notice of an abort when told so, with steps of %d ms', async (stepMs) => {
    const job = recordingJobContext();
    job.abort();
    expect(await demo.run({ steps: 5, stepMs, ignoreAbort: true }, job)).toEqual({ steps: 5 });
  });
});

describe('the payload of demo.steps', () => {
  const accepts = (payload: object) => DemoStepsPayload.safeParse(payload).success;

  it('accepts the demonstration and every option', () => {
    expect(accepts({ steps: 100, stepMs: 500 })).toBe(true);
    const options = { failAtStep: 2, failAttempts: 1, permanent: true, logEvery: 5, ignoreAbort: true };
    expect(accepts({ steps: 10_000, stepMs: 60_000, ...options })).toBe(true);
  });

  it.each([
    { steps: 0, stepMs: 1 },
    { steps: 10_001, stepMs: 1 },
    { steps: 1.5, stepMs: 1 },
    { steps: 1, stepMs: -1 },
    { steps: 1, stepMs: 60_001 },
    { steps: '1', stepMs: 1 },
    { steps: 1 },
    { steps: 1, stepMs: 1, failAtStep: 0 },
    { steps: 1, stepMs: 1, logEvery: 0 },
  ])('refuses %j', (payload) => {
    expect(accepts(payload)).toBe(false);
  });

  it('names an unknown key as an issue', () => {
    const { error } = DemoStepsPayload.safeParse({ steps: 1, stepMs: 1, stepMS: 2 });
    expect(error?.issues).toEqual([expect.objectContaining({ code: 'unrecognized_keys', keys: ['stepMS'] })]);
  });
});
