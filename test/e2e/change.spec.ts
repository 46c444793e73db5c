import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, startApp, type TestApp } from '../support/app.ts';

describe.each(ANY_ADAPTER)('Changing the course of a job on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
  });
  afterAll(() => app.close());

  async function failedJob(): Promise<string> {
    const id = await app.steps({ steps: 1, stepMs: 0, failAtStep: 1, failAttempts: 1, permanent: true });
    expect(await app.untilFinal(id)).toMatchObject({ status: 'failed' });
    return id;
  }

  describe('POST /jobs/:id/cancel', () => {
    it('cancels a job that waits for its runAt at once', async () => {
      const id = await app.waitingJob();

      const answer = await app.cancel(id);

      expect(answer.status).toBe(202);
      expect(answer.json()).toMatchObject({ id, status: 'cancelled', version: 2, attempt: 0, error: null });
      expect(answer.json()['finishedAt']).not.toBeNull();
      expect(await app.job(id)).toEqual(answer.json());
    });

    it('cancels a job that waits for its retry, which then never comes', async () => {
      const id = await app.steps({ steps: 1, stepMs: 0, failAtStep: 1 });
      const stream = await app.stream(id, '?after=0.0');
      await stream.untilFrame(({ data }) => data?.reason === 'retry');

      const answer = await app.cancel(id);

      expect(answer.json()).toMatchObject({ status: 'cancelled', version: 4, attempt: 1 });
      expect((await stream.untilEvent('end')).data?.job).toMatchObject({ status: 'cancelled', version: 4 });
    });

    it('asks a running job to stop, which then ends as cancelled', async () => {
      const id = await app.runningJob();

      const answer = await app.cancel(id);

      expect(answer.status).toBe(202);
      expect(answer.json()).toMatchObject({ id, status: 'active', cancelRequestedAt: expect.any(String) });
      const job = await app.untilFinal(id);
      expect(job).toMatchObject({ status: 'cancelled', version: 3, result: null, error: null });
      expect(job.cancelRequestedAt).toBe(answer.json()['cancelRequestedAt']);
      expect(job.progress?.done).toBeGreaterThanOrEqual(0);
    });

    it('may be repeated while the job stops', async () => {
      const id = await app.runningJob({ ignoreAbort: true, steps: 40 });

      const first = await app.cancel(id);
      const second = await app.cancel(id);

      expect([first.status, second.status]).toEqual([202, 202]);
      expect(second.json()['cancelRequestedAt']).toBe(first.json()['cancelRequestedAt']);
      await app.untilFinal(id);
    });

    it('refuses a job that has ended', async () => {
      const id = await app.steps({ steps: 1, stepMs: 0 });
      await app.untilFinal(id);

      const answer = await app.cancel(id);

      expect(answer.status).toBe(409);
      expect(answer.json()).toMatchObject({ statusCode: 409, error: 'Conflict', code: 'job_final' });
    });
  });

  describe('POST /jobs/:id/retry', () => {
    it('queues a failed job again with one more attempt than it had', async () => {
      const id = await failedJob();

      const answer = await app.retry(id);

      expect(answer.status).toBe(202);
      expect(answer.json()).toMatchObject({
        id,
        status: 'queued',
        version: 4,
        error: null,
        progress: null,
        finishedAt: null,
      });
      expect(await app.untilFinal(id)).toMatchObject({ status: 'completed', version: 6, attempt: 2 });
    });

    it('gives a job that has used up its attempts another one', async () => {
      const id = await app.steps({ steps: 1, stepMs: 0, failAtStep: 1, failAttempts: 1 }, { maxAttempts: 1 });
      await app.untilFinal(id);

      expect((await app.retry(id)).json()).toMatchObject({ maxAttempts: 2 });
      expect(await app.untilFinal(id)).toMatchObject({ status: 'completed', attempt: 2 });
    });

    it('queues a cancelled job again, at once', async () => {
      const id = await app.waitingJob();
      await app.cancel(id);

      expect((await app.retry(id)).json()).toMatchObject({
        status: 'queued',
        version: 3,
        cancelRequestedAt: null,
      });
      expect(await app.untilFinal(id)).toMatchObject({ status: 'completed', version: 5, attempt: 1 });
    });

    it('refuses a job that is queued, active or completed', async () => {
      const queued = await app.waitingJob();
      const active = await app.runningJob();
      const completed = await app.steps({ steps: 1, stepMs: 0 });
      await app.untilFinal(completed);

      for (const id of [queued, active, completed]) {
        const answer = await app.retry(id);
        expect([answer.status, answer.json()['code']]).toEqual([409, 'job_not_retryable']);
      }
      await app.cancel(active);
    });

    it('queues the job once, however many ask at once', async () => {
      const id = await failedJob();

      const answers = await Promise.all(Array.from({ length: 10 }, () => app.retry(id)));

      const accepted = answers.filter(({ status }) => status === 202);
      expect(accepted).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 409)).toHaveLength(9);
      expect(await app.untilFinal(id)).toMatchObject({ status: 'completed', version: 6, attempt: 2 });
    });
  });
});
