import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, LATER, startApp, type Submitted, type TestApp } from '../support/app.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

describe.each(ADAPTERS)('POST /jobs on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
  });
  afterAll(() => app.close());

  it('answers 202 with every key of the job, a viewer token and the place of the job', async () => {
    const answer = await app.post('/jobs', {
      type: 'demo.steps',
      payload: { steps: 1, stepMs: 0 },
      runAt: LATER,
    });

    expect(answer.status).toBe(202);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    const { job, viewer } = answer.json<Submitted>();
    expect(job).toStrictEqual({
      id: expect.stringMatching(UUID_V7),
      type: 'demo.steps',
      queue: 'default',
      tenant: 'acme',
      owner: 'alice',
      status: 'queued',
      version: 1,
      attempt: 0,
      maxAttempts: 3,
      priority: 0,
      tags: [],
      progress: null,
      result: null,
      error: null,
      createdAt: expect.stringMatching(ISO),
      runAt: LATER,
      startedAt: null,
      finishedAt: null,
      updatedAt: expect.stringMatching(ISO),
      cancelRequestedAt: null,
      links: { self: `/jobs/${job.id}`, events: `/jobs/${job.id}/events` },
    });
    expect(answer.headers.location).toBe(`/jobs/${job.id}`);
    expect(viewer).toStrictEqual({ token: expect.any(String), expiresAt: expect.stringMatching(ISO) });
    const minutes = (Date.parse(viewer.expiresAt) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(14.9);
    expect(minutes).toBeLessThanOrEqual(15);
  });

  it('runs the job to its result', async () => {
    const job = await app.untilFinal(await app.steps({ steps: 3, stepMs: 1 }));

    expect(job).toMatchObject({
      status: 'completed',
      version: 3,
      attempt: 1,
      result: { steps: 3 },
      error: null,
    });
    expect(job.progress).toMatchObject({ done: 3, total: 3, percent: 100, unit: 'steps' });
    expect(job.startedAt).toMatch(ISO);
    expect(job.finishedAt).toMatch(ISO);
  });

  it('does not run a job before its runAt, and runs it soon after', async () => {
    const runAt = new Date(Date.now() + 1_000);
    const id = await app.steps({ steps: 1, stepMs: 0 }, { runAt: runAt.toISOString() });

    const job = await app.untilFinal(id);

    expect(job.runAt).toBe(runAt.toISOString());
    const lateMs = Date.parse(job.startedAt ?? '') - runAt.getTime();
    // The clocks of Node and Postgres are the same machine's here.
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(3_000);
  });

  it('takes a runAt with an offset, and one in the past as now', async () => {
    const past = await app.submit({
      type: 'demo.steps',
      payload: { steps: 1, stepMs: 0 },
      runAt: '2020-01-01T02:00:00+02:00',
    });

    expect(past.job.runAt).toBe('2020-01-01T00:00:00.000Z');
    await expect(app.untilFinal(past.job.id)).resolves.toMatchObject({ status: 'completed' });
  });

  it('keeps priority, tags and maxAttempts', async () => {
    const tags = ['nightly', 'größe: ✓', 'x'.repeat(64)];
    const id = await app.waitingJob({ priority: 9, tags, maxAttempts: 1_000 });

    expect(await app.job(id)).toMatchObject({ priority: 9, tags, maxAttempts: 1_000 });
  });

  it('fails a job for good after maxAttempts attempts', async () => {
    const job = await app.untilFinal(
      await app.steps({ steps: 1, stepMs: 0, failAtStep: 1 }, { maxAttempts: 1 }),
    );

    expect(job).toMatchObject({ status: 'failed', attempt: 1, maxAttempts: 1, version: 3 });
    expect(job.error).toEqual({ code: 'handler_error', message: expect.stringContaining('Step 1 failed') });
  });

  it('does not retry a permanent failure, and shows its code', async () => {
    const job = await app.untilFinal(
      await app.steps({ steps: 1, stepMs: 0, failAtStep: 1, permanent: true }),
    );

    expect(job).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'demo_failure' } });
  });

  describe('the viewer token', () => {
    it('reads, follows and lists its own job', async () => {
      const { job, viewer } = await app.submit({
        type: 'demo.steps',
        payload: { steps: 1, stepMs: 0 },
        runAt: LATER,
      });

      expect((await app.get(`/jobs/${job.id}`, viewer.token)).status).toBe(200);
      expect((await app.get(`/jobs/${job.id}/logs`, viewer.token)).status).toBe(200);
      const stream = await app.stream(job.id, '', {}, viewer.token);
      expect((await stream.untilEvent('snapshot')).data?.job?.id).toBe(job.id);
      stream.destroy();
      const listed = (await app.get('/jobs', viewer.token)).json<{ jobs: { id: string }[] }>();
      expect(listed.jobs.map(({ id }) => id)).toEqual([job.id]);
    });

    it('sees no other job, not even one of the same owner', async () => {
      const other = await app.waitingJob();
      const { viewer } = await app.submit({
        type: 'demo.steps',
        payload: { steps: 1, stepMs: 0 },
        runAt: LATER,
      });

      for (const path of ['', '/logs', '/events']) {
        const answer = await app.get(`/jobs/${other}${path}`, viewer.token);
        expect([path, answer.status, answer.json()['code']]).toEqual([path, 404, 'job_not_found']);
      }
    });

    it('changes nothing: submit, cancel and retry need a scope that it lacks', async () => {
      const submission = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
      const { job, viewer } = await app.submit(submission);

      const refused = [
        await app.post('/jobs', submission, viewer.token),
        await app.cancel(job.id, viewer.token),
        await app.retry(job.id, viewer.token),
      ];

      for (const answer of refused) {
        expect(answer.json()).toMatchObject({ statusCode: 403, code: 'insufficient_scope' });
        expect(answer.status).toBe(403);
      }
      expect(await app.job(job.id)).toMatchObject({ status: 'queued', cancelRequestedAt: null });
    });
  });
});
