import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, LATER, startApp, type TestApp } from '../support/app.ts';
import { openStream } from '../support/sse.ts';
import { Described } from '../support/described.ts';

const ADMIN = { subject: 'root', tenant: 'operators', scope: 'jobs:admin' };
const STEPS = { type: 'demo.steps', payload: { steps: 2, stepMs: 0, logEvery: 1 } };
const UNKNOWN = '0190aaaa-0000-7000-8000-000000000001';

describe.each(ADAPTERS)('What the service answers on %s is what its OpenAPI document says', (adapter) => {
  let app: TestApp;
  let described: Described;
  beforeAll(async () => {
    app = await startApp({ adapter });
    described = new Described((await app.get('/openapi.json', null)).json());
  });
  afterAll(() => app.close());

  it('for a submit, the job, its payload and its logs', async () => {
    const submitted = await app.post('/jobs', { ...STEPS, tags: ['a'], priority: 3 });
    expect(submitted.status).toBe(202);
    described.expectAnswer('POST /jobs', submitted);
    const { id } = submitted.json<{ job: { id: string } }>().job;
    expect((await app.untilFinal(id)).status).toBe('completed');

    described.expectAnswer('GET /jobs/{id}', await app.get(`/jobs/${id}`));
    described.expectAnswer('GET /jobs/{id}', await app.get(`/jobs/${id}?include=payload`));
    const logs = await app.get(`/jobs/${id}/logs`);
    expect(logs.json<{ lines: unknown[] }>().lines.length).toBeGreaterThan(0);
    described.expectAnswer('GET /jobs/{id}/logs', logs);
  });

  it('for a list and its next page', async () => {
    await app.waitingJob();
    await app.waitingJob();
    const page = await app.get('/jobs?limit=1&status=queued');
    described.expectAnswer('GET /jobs', page);
    const { nextCursor } = page.json<{ nextCursor: string }>();
    described.expectAnswer('GET /jobs', await app.get(`/jobs?limit=100&cursor=${nextCursor}`));
  });

  it('for cancelling and retrying, also where that is refused', async () => {
    const id = await app.waitingJob();
    described.expectAnswer('POST /jobs/{id}/retry', await app.retry(id));
    const cancelled = await app.cancel(id);
    expect(cancelled.status).toBe(202);
    described.expectAnswer('POST /jobs/{id}/cancel', cancelled);
    described.expectAnswer('POST /jobs/{id}/cancel', await app.cancel(id));
    const retried = await app.retry(id);
    expect(retried.status).toBe(202);
    described.expectAnswer('POST /jobs/{id}/retry', retried);
  });

  it('for a job that failed', async () => {
    const id = await app.steps({ steps: 1, stepMs: 0, failAtStep: 1 }, { maxAttempts: 1 });
    const { status, error } = await app.untilFinal(id);
    expect([status, error]).toEqual(['failed', expect.anything()]);
    described.expectAnswer('GET /jobs/{id}', await app.get(`/jobs/${id}`));
  });

  it('for tickets, API keys, revocations and the audit', async () => {
    described.expectAnswer('POST /tickets', await app.post('/tickets', { feed: true }));
    const body = {
      name: 'nightly',
      tenant: 'acme',
      subject: 'robot',
      scopes: ['jobs:read'],
      expiresAt: LATER,
    };
    const made = await app.post('/api-keys', body, ADMIN);
    expect(made.status).toBe(201);
    described.expectAnswer('POST /api-keys', made);
    described.expectAnswer('GET /api-keys', await app.get('/api-keys', ADMIN));
    const { id } = made.json<{ id: string }>();
    const removed = await app.send(`/api-keys/${id}`, { method: 'DELETE' }, ADMIN);
    expect(removed.status).toBe(204);
    described.expectAnswer('DELETE /api-keys/{id}', removed);
    for (const named of [
      { tenant: 'gone' },
      { tenant: 'gone', subject: 'x' },
      { tokenId: 't' },
      { job: UNKNOWN },
    ]) {
      const revoked = await app.post('/revocations', named, ADMIN);
      expect(revoked.status).toBe(201);
      described.expectAnswer('POST /revocations', revoked);
    }
    const audit = await app.get('/audit', ADMIN);
    expect(audit.json<{ entries: unknown[] }>().entries.length).toBeGreaterThan(4);
    described.expectAnswer('GET /audit', audit);
  });

  it('for refusals', async () => {
    described.expectAnswer('GET /jobs', await app.get('/jobs', null));
    described.expectAnswer('GET /jobs', await app.get('/jobs?limit=0'));
    described.expectAnswer('GET /audit', await app.get('/audit'));
    described.expectAnswer('GET /jobs/{id}', await app.get(`/jobs/${UNKNOWN}`));
    described.expectAnswer('POST /jobs', await app.post('/jobs', { type: 'demo.steps' }));
    described.expectAnswer('POST /jobs', await app.post('/jobs', { type: 'nobody', payload: 1 }));
    described.expectAnswer('POST /jobs', await app.post('/jobs', { ...STEPS, payload: 'none' }));
    described.expectAnswer('POST /jobs', await app.send('/jobs', { method: 'POST', raw: '{' }));
    described.expectAnswer('POST /revocations', await app.post('/revocations', {}, ADMIN));
  });

  it('for health', async () => {
    described.expectAnswer('GET /health/live', await app.get('/health/live', null));
    described.expectAnswer('GET /health/ready', await app.get('/health/ready', null));
  });

  it.each([
    ['the stream of a job', '/jobs/{id}/events', ['snapshot', 'state', 'progress', 'log', 'end']],
    ['the feed', '/jobs/events', ['job', 'ready', 'gone']],
  ])('for every frame of %s', async (_what, path, expected) => {
    const id = await app.steps({ steps: 40, stepMs: 20, logEvery: 5 }, { runAt: LATER });
    const query =
      path === '/jobs/events' ? `job=${id}&status=queued&status=active` : 'logs=1&heartbeat=event';
    const url = `${app.url}${path.replace('{id}', id)}?${query}`;
    const stream = await openStream(url, { token: await app.token() });
    await stream.untilFrame(({ event }) => event === 'snapshot' || event === 'ready');
    await app.makeDue(id);
    await stream.untilEvent(expected.at(-1) ?? '', 20_000);
    stream.destroy();

    expect([...new Set(stream.events.map(({ event }) => event))]).toEqual(expect.arrayContaining(expected));
    for (const { event, data } of stream.events) {
      const content = ['paths', path, 'get', 'responses', '200', 'content', 'text/event-stream'];
      described.expectValue([...content, 'x-events', String(event)], data);
      described.expectValue([...content, 'schema'], data);
    }
    for (const { event, id: cursor, retry, data } of stream.events)
      described.expectValue(
        ['components', 'schemas', path === '/jobs/events' ? 'FeedFrame' : 'JobStreamFrame'],
        { event, id: cursor, data, ...(retry === null ? {} : { retry }) },
      );
  });
});
