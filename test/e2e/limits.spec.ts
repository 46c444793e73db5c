import { afterEach, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, LATER, startApp, type Submitted, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer } from '../support/http.ts';
import { Relay } from '../support/relay.ts';
import { testRedis } from '../support/services.ts';

const JOB = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };

describe.each(ANY_ADAPTER)('The limits of submits on %s', (adapter) => {
  const apps: TestApp[] = [];
  afterEach(async () => {
    for (const app of apps.splice(0).toReversed()) await app.close();
  });

  async function start(environment: Record<string, string>, beside?: TestApp): Promise<TestApp> {
    const app = await startApp({ adapter, environment, ...(beside ? { beside } : {}) });
    apps.push(app);
    return app;
  }

  it('keep a tenant to a number of queued jobs, and let the others go on', async () => {
    const app = await start({ LIMIT_QUEUED_PER_TENANT: '3' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => app.post('/jobs', JOB)));

    expect(answers.filter(({ status }) => status === 202)).toHaveLength(3);
    for (const answer of answers.filter(({ status }) => status !== 202))
      expectRefusal(answer, 429, 'too_many_queued_jobs');
    expect((await app.post('/jobs', JOB, { tenant: 'globex' })).status).toBe(202);
  });

  it('still answer the job of an idempotency key, as that adds none', async () => {
    const app = await start({ LIMIT_QUEUED_PER_TENANT: '1' });
    const submit = () =>
      app.send('/jobs', { method: 'POST', body: JOB, headers: { 'Idempotency-Key': 'one' } });
    const first = (await submit()).json<Submitted>().job;
    expectRefusal(await app.post('/jobs', JOB), 429, 'too_many_queued_jobs');
    const repeated = await submit();
    expect(repeated.json()).toMatchObject({ job: { id: first.id } });
  });

  it('hold for jobs that are queued again as well', async () => {
    const app = await start({ LIMIT_QUEUED_PER_TENANT: '1' });
    const id = await app.waitingJob();
    await app.cancel(id);
    await eventually(async () => expect((await app.post('/jobs', JOB)).status).toBe(202));

    expectRefusal(await app.post(`/jobs/${id}/retry`), 429, 'too_many_queued_jobs');
  });

  it('see that jobs have left the queue', async () => {
    const app = await start({ LIMIT_QUEUED_PER_TENANT: '1' });
    const id = await app.waitingJob();
    expectRefusal(await app.post('/jobs', JOB), 429, 'too_many_queued_jobs');

    await app.cancel(id);

    await eventually(async () => expect((await app.post('/jobs', JOB)).status).toBe(202));
  });

  it('count the submits of a caller in all processes together', async () => {
    const limit = { LIMIT_SUBMITS_PER_MINUTE: '4' };
    const one = await start(limit);
    const two = await start(limit, one);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_item, index) => (index % 2 ? one : two).post('/jobs', JOB)),
    );

    expect(answers.filter(({ status }) => status === 202)).toHaveLength(4);
    for (const answer of answers.filter(({ status }) => status !== 202))
      expectRefusal(answer, 429, 'too_many_submits');
    expect((await one.post('/jobs', JOB, { subject: 'bob' })).status).toBe(202);
    expect((await one.get('/jobs')).status).toBe(200);
  });
});

describe('The limit of submits while Redis is away', () => {
  let app: TestApp;
  afterEach(() => app.close());

  async function startAndCut(mode: 'open' | 'closed'): Promise<void> {
    const { url, prefix } = testRedis();
    const relay = await Relay.to(url);
    const environment = {
      REDIS_URL: relay.url,
      JOBS_PREFIX: prefix,
      LIMIT_SUBMITS_PER_MINUTE: '2',
      LIMIT_WITHOUT_REDIS: mode,
    };
    app = await startApp({ adapter: 'fastify', environment });
    await relay.cut();
    await eventually(async () =>
      expect((await app.get('/health/ready', null)).json()).toMatchObject({ redis: 'down' }),
    );
  }

  it('is counted by the process alone when it fails open', async () => {
    await startAndCut('open');
    const answers = [await app.post('/jobs', JOB), await app.post('/jobs', JOB)];

    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expectRefusal(await app.post('/jobs', JOB), 429, 'too_many_submits');
  });

  it('refuses submits, and nothing else, when it fails closed', async () => {
    await startAndCut('closed');

    expectRefusal(await app.post('/jobs', JOB), 503, 'rate_unknown');
    expect((await app.get('/jobs')).json()).toEqual({ jobs: [], nextCursor: null });
  });
});

function expectRefusal(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.json()['code']]).toEqual([status, code]);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
}
