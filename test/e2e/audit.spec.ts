import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditEntry } from '../../src/job/actor.ts';
import { ANY_ADAPTER, type Credential, LATER, startApp, type TestApp } from '../support/app.ts';
import { loggedUnder } from '../support/collected-log.ts';
import { planted } from '../support/secrets.ts';

const ADMIN = { subject: 'root', tenant: 'operators', scope: 'jobs:admin' };

interface Page {
  entries: AuditEntry[];
  nextCursor: string | null;
}

describe.each(ANY_ADAPTER)('The audit on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
  });
  afterAll(() => app.close());

  async function page(query: string): Promise<Page> {
    const answer = await app.get(`/audit?${query}`, ADMIN);
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    return answer.json<Page>();
  }

  /** What somebody did, oldest first, without ids and times. */
  async function actsOf(subject: string): Promise<object[]> {
    const { entries } = await page(`subject=${subject}`);
    return entries.toReversed().map(({ id: _id, at: _at, ...act }) => act);
  }

  function linesOf(subject: string): object[] {
    const lines = loggedUnder('Jobstream audit').map((line) => JSON.parse(line) as { subject: string });
    return lines.filter((line) => line.subject === subject);
  }

  it('tells who submitted, cancelled and retried, in rows and in lines that say the same', async () => {
    const who = { tenant: 'acme', subject: `worker-${adapter}` };
    const id = await waitingJobOf(who);
    await app.cancel(id, who);
    await app.retry(id, who);
    const job = { target: { kind: 'job', id }, detail: { type: 'demo.steps', tenant: 'acme' } };
    const expected = ['submit', 'cancel', 'retry'].map((action) => ({
      ...who,
      credential: null,
      action,
      ...job,
    }));
    expect(await actsOf(who.subject)).toEqual(expected);
    expect(linesOf(who.subject)).toEqual(expected);
  });

  async function waitingJobOf(as: Credential, rest: object = {}): Promise<string> {
    const payload = { steps: 1, stepMs: 0 };
    const { job } = await app.submit({ type: 'demo.steps', payload, runAt: LATER, ...rest }, as);
    return job.id;
  }

  it('names the API key that was used, who made it and who revoked it, and never the key', async () => {
    const admin = { ...ADMIN, subject: `root-${adapter}` };
    const robot = { name: 'robot', tenant: 'acme', subject: `robot-${adapter}`, scopes: ['jobs:write'] };
    const made = await app.post('/api-keys', robot, admin);
    const { id, key } = made.json<{ id: string; key: string }>();
    const job = await waitingJobOf(key);
    await app.post('/revocations', { key: id }, admin);
    await app.post('/revocations', { subject: robot.subject, tenant: 'acme' }, admin);

    const by = { tenant: 'operators', subject: admin.subject, credential: null };
    const { subject, scopes } = robot;
    const target = { kind: 'key', id };
    const expected = [
      { ...by, action: 'create', target, detail: { tenant: 'acme', subject, scopes } },
      { ...by, action: 'revoke', target, detail: {} },
      { ...by, action: 'revoke', target: { kind: 'subject', id: subject }, detail: { tenant: 'acme' } },
    ];
    expect(await actsOf(admin.subject)).toEqual(expected);
    expect(linesOf(admin.subject)).toEqual(expected);
    expect(await actsOf(subject)).toMatchObject([
      { credential: `key:${id}`, action: 'submit', target: { id: job } },
    ]);
    expect(JSON.stringify(await page('limit=100'))).not.toContain(key.split('_')[2]);
  });

  it('has nothing of a submit that was refused or replayed', async () => {
    const who = { tenant: 'acme', subject: `again-${adapter}` };
    const headers = { 'idempotency-key': `again-${adapter}` };
    const body = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
    const token = await app.token(who);
    const statuses: number[] = [];
    for (const each of [body, body, { ...body, payload: { steps: 0 } }])
      statuses.push((await app.send('/jobs', { method: 'POST', body: each, headers, token })).status);
    expect(statuses).toEqual([202, 202, 422]);
    expect(await actsOf(who.subject)).toHaveLength(1);
    expect(linesOf(who.subject)).toHaveLength(1);
  });

  it('holds no payload, tag or idempotency key', async () => {
    const [tag, key] = [planted('tag'), planted('key')];
    const token = await app.token();
    const body = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER, tags: [tag] };
    await app.send('/jobs', { method: 'POST', body, headers: { 'idempotency-key': key }, token });
    const all = JSON.stringify(await page('limit=100'));
    expect(all).not.toContain(tag);
    expect(all).not.toContain(key);
  });

  it('is read in pages, newest first, by action and by subject', async () => {
    const who = { tenant: 'acme', subject: `pages-${adapter}` };
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.unshift(await waitingJobOf(who));
    await app.cancel(ids[0] ?? '', who);

    const read: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = `action=submit&subject=${who.subject}&limit=2${cursor && `&cursor=${cursor}`}`;
      const { entries, nextCursor }: Page = await page(query);
      read.push(...entries.map(({ target }) => target.id));
      cursor = nextCursor;
    }
    expect(read).toEqual(ids);
    expect((await page(`action=cancel&subject=${who.subject}`)).entries).toHaveLength(1);
    expect((await page(`subject=nobody`)).entries).toEqual([]);
  });

  it('is for administrators alone', async () => {
    const scope = 'jobs:read jobs:write jobs:tenant';
    const answers = [await app.get('/audit', { scope }), await app.get('/audit', null)];
    expect(answers.map(({ status }) => status)).toEqual([403, 401]);
  });

  it.each([
    'limit=0',
    'limit=101',
    'cursor=x',
    'cursor=-1',
    'action=read',
    'subject=',
    `cursor=${'9'.repeat(40)}`,
  ])('refuses %s', async (query) => {
    const answer = await app.get(`/audit?${query}`, ADMIN);
    expect([answer.status, answer.json()['code']]).toEqual([400, 'invalid_request']);
  });
});
