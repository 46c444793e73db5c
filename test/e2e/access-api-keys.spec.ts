import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, type Credential, LATER, startApp, type TestApp } from '../support/app.ts';

const ADMIN = { subject: 'root', tenant: 'operators', scope: 'jobs:admin' };
const SUBMISSION = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
const UNKNOWN = '0190aaaa-0000-7000-8000-000000000001';

interface Key {
  key: string;
  id: string;
  prefix: string;
  tenant: string;
  scopes: string[];
  expiresAt: string | null;
  lastUsedAt: string | null;
}

describe.each(ANY_ADAPTER)('API keys on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
  });
  afterAll(() => app.close());

  async function create(parts: Record<string, unknown> = {}, as: Credential = ADMIN): Promise<Key> {
    const body = { name: 'nightly', tenant: 'acme', subject: 'robot', scopes: ['jobs:read', 'jobs:write'] };
    const answer = await app.post('/api-keys', { ...body, ...parts }, as);
    expect([answer.status, answer.text]).toEqual([201, expect.stringContaining('jsk_')]);
    expect(answer.headers['cache-control']).toBe('no-store');
    return answer.json<Key>();
  }

  async function list(query = ''): Promise<{ keys: Omit<Key, 'key'>[]; nextCursor: string | null }> {
    return (await app.get(`/api-keys${query}`, ADMIN)).json();
  }

  it('are shown once, and stored as a prefix and a hash', async () => {
    const { key, id, prefix, ...rest } = await create({ scopes: ['jobs:read', 'jobs:read'] });

    expect(key).toMatch(/^jsk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(key.startsWith(`jsk_${prefix}_`)).toBe(true);
    const secret = key.slice(`jsk_${prefix}_`.length);
    expect(rest).toMatchObject({ name: 'nightly', tenant: 'acme', subject: 'robot', scopes: ['jobs:read'] });
    expect(rest).toMatchObject({ expiresAt: null, lastUsedAt: null });
    const rows = await app.dataSource.query<{ row: string; hash: Buffer }[]>(
      'SELECT k::text AS row, hash FROM jobs.api_key k WHERE id = $1',
      [id],
    );
    expect(rows[0]?.hash).toEqual(createHash('sha256').update(key).digest());
    expect(rows[0]?.row).not.toContain(secret);
    expect((await app.get('/api-keys', ADMIN)).text).not.toMatch(new RegExp(`${secret}|hash`));
  });

  it('act for their subject in their tenant, with their scopes', async () => {
    const { key } = await create();

    const { job } = await app.submit(SUBMISSION, key);
    expect(job).toMatchObject({ tenant: 'acme', owner: 'robot' });
    expect((await app.get(`/jobs/${job.id}`, key)).status).toBe(200);
    const stream = await app.stream(job.id, '', {}, key);
    stream.destroy();
    expect((await app.get(`/jobs/${job.id}`, { subject: 'alice' })).status).toBe(404);
    const { key: reader } = await create({ scopes: ['jobs:read'] });
    expect((await app.post('/jobs', SUBMISSION, reader)).status).toBe(403);
    expect((await app.get('/api-keys', reader)).status).toBe(403);
    const { key: stranger } = await create({ tenant: 'umbrella' });
    expect((await app.get(`/jobs/${job.id}`, stranger)).status).toBe(404);
  });

  it('belong to the tenant of the administrator unless another is named', async () => {
    expect((await create({ tenant: undefined })).tenant).toBe('operators');
  });

  it('are refused when anything about them is changed', async () => {
    const { key, prefix } = await create();
    const { key: other } = await create();
    const flipped = key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A');

    for (const wrong of [
      flipped,
      key.slice(0, -1),
      `${key}A`,
      key.toUpperCase(),
      `jsk_${prefix}_${other.slice(-43)}`,
      `jsk_${'0'.repeat(16)}_${key.slice(-43)}`,
      `jsk_${prefix}_`,
      'jsk_',
      key.replace('jsk_', 'jsv_'),
      key.replace('jsk_', ''),
    ]) {
      expect([wrong, (await app.get('/jobs', wrong)).status]).toEqual([wrong, 401]);
    }
    expect((await app.get(`/jobs?key=${key}&token=${key}`, null)).status).toBe(401);
  });

  it('are refused once they have expired, and their streams end then', async () => {
    const { key } = await create({ expiresAt: new Date(Date.now() + 2_000).toISOString() });
    const { job } = await app.submit(SUBMISSION, key);
    const stream = await app.stream(job.id, '', {}, key);

    const bye = await stream.untilEvent('bye');

    expect(bye.data).toEqual({ reason: 'expired', reconnect: false });
    expect((await app.get('/jobs', key)).status).toBe(401);
  });

  it('are refused once they were deleted, and their streams and tickets end within a second', async () => {
    const { key, id } = await create();
    const { job } = await app.submit(SUBMISSION, key);
    const ticket = (await app.post('/tickets', { jobs: [job.id] }, key)).json<{ ticket: string }>().ticket;
    const path = `/jobs/${job.id}/events`;
    const byTicket = await app.stream(job.id, `?ticket=${ticket}`, {}, null);
    const cookie = byTicket.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
    const streams = [byTicket, await app.stream(job.id, '', {}, key)];
    await Promise.all(streams.map((stream) => stream.untilEvent('snapshot')));

    expect((await app.send(`/api-keys/${id.toUpperCase()}`, { method: 'DELETE' }, ADMIN)).status).toBe(204);

    const at = Date.now();
    for (const stream of streams) {
      expect((await stream.untilEvent('bye')).data).toEqual({ reason: 'revoked', reconnect: false });
      expect(Date.now() - at).toBeLessThan(1_000);
    }
    expect((await app.get('/jobs', key)).status).toBe(401);
    expect((await app.get(`${path}?ticket=${ticket}`, null)).status).toBe(401);
    expect((await app.send(path, { headers: { cookie } }, null)).status).toBe(401);
    expect((await list()).keys.map((listed) => listed.id)).not.toContain(id);
    const again = await app.send(`/api-keys/${id}`, { method: 'DELETE' }, ADMIN);
    expect([again.status, again.json()['code']]).toEqual([404, 'api_key_not_found']);
  });

  it('can be revoked by POST /revocations as well', async () => {
    const { key, id } = await create();

    expect((await app.post('/revocations', { key: id }, ADMIN)).status).toBe(201);

    expect((await app.get('/jobs', key)).status).toBe(401);
    expect((await list()).keys.map((listed) => listed.id)).not.toContain(id);
  });

  it('end with their subject, and new ones are good', async () => {
    const { key } = await create({ subject: 'cleaner' });
    await app.post('/revocations', { subject: 'cleaner', tenant: 'acme' }, ADMIN);

    expect((await app.get('/jobs', key)).status).toBe(401);
    expect((await app.get('/jobs', (await create({ subject: 'cleaner' })).key)).status).toBe(200);
  });

  it('say when they were last used, to the minute', async () => {
    const { key, id } = await create();
    const lastUse = async (): Promise<string | null> =>
      (await list()).keys.find((listed) => listed.id === id)?.lastUsedAt ?? null;
    const setBack = (seconds: number): Promise<unknown> =>
      app.dataSource.query(
        `UPDATE jobs.api_key SET last_used_at = now() - $2 * interval '1 s' WHERE id = $1`,
        [id, seconds],
      );

    expect(await lastUse()).toBeNull();
    await app.get('/jobs', key);
    const first = await lastUse();
    expect(Math.abs(Date.parse(first ?? '') - Date.now())).toBeLessThan(5_000);
    await app.get('/jobs', key);
    expect(await lastUse()).toBe(first);
    await setBack(50);
    const recent = await lastUse();
    await app.get('/jobs', key);
    expect(await lastUse()).toBe(recent);
    await setBack(61);
    await app.get('/jobs', key);
    expect(Math.abs(Date.parse((await lastUse()) ?? '') - Date.now())).toBeLessThan(5_000);
  });

  it('are listed newest first, in pages', async () => {
    const made = [await create(), await create(), await create()].map(({ id }) => id).toReversed();

    const first = await list('?limit=2');
    const second = await list(`?limit=1&cursor=${first.nextCursor}`);

    expect([...first.keys, ...second.keys].map(({ id }) => id)).toEqual(made);
    expect((await list('?limit=100')).nextCursor).toBeNull();
    for (const query of ['?limit=0', '?limit=101', '?cursor=x'])
      expect((await app.get(`/api-keys${query}`, ADMIN)).status).toBe(400);
  });

  it('are the business of administrators alone', async () => {
    const { id } = await create();
    for (const [method, path] of [
      ['POST', '/api-keys'],
      ['GET', '/api-keys'],
      ['DELETE', `/api-keys/${id}`],
    ] as const) {
      expect((await app.send(path, { method }, null)).status).toBe(401);
      for (const scope of ['jobs:read jobs:write', 'jobs:tenant', 'jobs:administrator'])
        expect((await app.send(path, { method }, { scope })).status).toBe(403);
    }
    for (const unknown of [UNKNOWN, 'x', '%00'])
      expect((await app.send(`/api-keys/${unknown}`, { method: 'DELETE' }, ADMIN)).status).toBe(404);
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(256) }, 'name'],
    [{ tenant: 'a\u0000' }, 'tenant'],
    [{ subject: undefined }, 'subject'],
    [{ scopes: [] }, 'scopes'],
    [{ scopes: 'jobs:read' }, 'scopes'],
    [{ scopes: ['jobs:read', 'jobs:everything'] }, 'scopes.1'],
    [{ expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    [{ expiresAt: '+275760-01-01T00:00:00Z' }, 'expiresAt'],
    [{ id: UNKNOWN }, ''],
  ])('are refused with %j', async (parts, path) => {
    const body = { name: 'n', tenant: 'acme', subject: 'robot', scopes: ['jobs:read'], ...parts };

    const answer = await app.post('/api-keys', body, ADMIN);

    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid_request', issues: [{ path }] });
  });
});
