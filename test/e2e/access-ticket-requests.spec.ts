import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, type Credential, startApp, type TestApp } from '../support/app.ts';

const UNKNOWN = '0190aaaa-0000-7000-8000-000000000001';

describe.each(ADAPTERS)('Tickets, when they are asked for on %s,', (adapter) => {
  let app: TestApp;
  let id: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = await app.waitingJob();
  });
  afterAll(() => app.close());

  async function ticketFor(body: object, as: Credential = {}): Promise<void> {
    expect((await app.post('/tickets', body, as)).status).toBe(201);
  }

  it('are made for callers who may read, and see every job that they ask for', async () => {
    const unknown = await app.get(`/jobs/${UNKNOWN}`);
    const { job } = await app.submit(
      { type: 'demo.steps', payload: { steps: 1, stepMs: 0 } },
      { tenant: 'umbrella' },
    );

    expect((await app.post('/tickets', { jobs: [id] }, null)).status).toBe(401);
    expect((await app.post('/tickets', { feed: true }, { scope: 'jobs:write' })).status).toBe(403);
    for (const [jobs, as] of [
      [[id, UNKNOWN], {}],
      [[id, job.id], {}],
      [[id], { subject: 'bob' }],
      [[id], { tenant: 'umbrella', scope: 'jobs:tenant' }],
    ] as const) {
      const answer = await app.post('/tickets', { jobs }, as);
      expect([answer.status, answer.text]).toEqual([404, unknown.text]);
    }
    await ticketFor({ jobs: [id] }, { subject: 'bob', scope: 'jobs:tenant' });
    await ticketFor({ jobs: [id, job.id] }, { subject: 'root', scope: 'jobs:admin' });
  });

  it.each([
    [{}],
    [{ jobs: [] }],
    [{ jobs: 'all' }],
    [{ jobs: ['not-an-id'] }],
    [{ jobs: Array.from({ length: 101 }, () => UNKNOWN) }],
    [{ feed: false }],
    [{ feed: true, jobs: [UNKNOWN] }],
    [{ feed: true, extra: 1 }],
    [null],
    [[]],
  ])('are refused for the body %j', async (body) => {
    const answer = await app.post('/tickets', body);

    expect(answer.status).toBe(400);
    expect(answer.json()['code']).toMatch(/^(invalid|bad)_request$/);
  });

  it('are refused to a credential whose scopes no cookie could hold', async () => {
    const scope = `jobs:read ${'x'.repeat(1_024)}`;

    const answer = await app.post('/tickets', { feed: true }, { scope });
    expect([answer.status, answer.json()['code']]).toEqual([422, 'too_many_scopes']);
  });

  it('that died are cleared away when others are made', async () => {
    await ticketFor({ feed: true });
    await app.dataSource.query(`UPDATE jobs.ticket SET expires_at = now() - interval '1 s'`);

    await ticketFor({ feed: true });

    const [row] = await app.dataSource.query<{ count: string }[]>('SELECT count(*) FROM jobs.ticket');
    expect(row?.count).toBe('1');
  });
});
