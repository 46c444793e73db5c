import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditEntry } from '../../src/job/actor.ts';
import { ANY_ADAPTER, LATER } from '../support/app.ts';
import { type Answer, send } from '../support/http.ts';
import { createTestDatabase, type TestDatabase } from '../support/services.ts';
import { Sessions, startSessionHost } from '../support/session-host.ts';

interface Key {
  id: string;
  tenant: string;
}

describe.each(ANY_ADAPTER)('An administrator whom the host confines to a tenant on %s', (adapter) => {
  let database: TestDatabase;
  let host: INestApplication;
  let url: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    host = await startSessionHost(adapter, database);
    url = await host.getUrl();
    const { users } = host.get(Sessions, { strict: false });
    const loggedInUntil = new Date(Date.now() + 86_400_000);
    const user = (name: string, company: string, ...roles: string[]) =>
      users.set(name, { name, company, roles, loggedInUntil });
    user('ann', 'acme', 'company-admin');
    user('eve', 'globex', 'company-admin');
    user('root', 'operators', 'jobs:admin');
  });
  afterAll(async () => {
    await host.close();
    await database.drop();
  });

  function call(as: string, method: string, path: string, body?: unknown): Promise<Answer> {
    return send(`${url}${path}`, { method, body, headers: { cookie: `session=${as}` } });
  }

  function keyOf(parts: Record<string, unknown> = {}): Record<string, unknown> {
    return { name: 'robot', subject: 'robot', scopes: ['jobs:read'], ...parts };
  }

  async function makeKey(as: string): Promise<Key> {
    return (await call(as, 'POST', '/api-keys', keyOf())).json<Key>();
  }

  const outcomeOf = (answer: Answer): unknown[] => [answer.status, answer.json()['code']];

  it('makes, lists and revokes the keys of that tenant and of no other', async () => {
    const [own, foreign] = [await makeKey('ann'), await makeKey('eve')];

    const { keys } = (await call('ann', 'GET', '/api-keys?limit=100')).json<{ keys: Key[] }>();
    expect(keys.map(({ id }) => id)).toEqual([own.id]);
    expect(outcomeOf(await call('ann', 'DELETE', `/api-keys/${foreign.id}`))).toEqual([
      404,
      'api_key_not_found',
    ]);
    expect((await call('ann', 'DELETE', `/api-keys/${own.id}`)).status).toBe(204);
    const all = (await call('root', 'GET', '/api-keys?limit=100')).json<{ keys: Key[] }>();
    expect(all.keys.map(({ id }) => id)).toEqual([foreign.id]);
  });

  it.each([
    ['another tenant', { tenant: 'globex' }],
    ['every tenant', { scopes: ['jobs:admin'] }],
  ])('makes no key for %s', async (_title, parts) => {
    expect(outcomeOf(await call('ann', 'POST', '/api-keys', keyOf(parts)))).toEqual([403, 'forbidden']);
    expect((await call('root', 'POST', '/api-keys', keyOf(parts))).status).toBe(201);
  });

  it('revokes what names that tenant, and nothing else', async () => {
    const foreign = await makeKey('eve');
    const refused = [
      { tenant: 'globex' },
      { tenant: 'globex', subject: 'ben' },
      { tokenId: 'some-token' },
      { job: foreign.id },
      { key: foreign.id },
    ];
    for (const body of refused)
      expect(outcomeOf(await call('ann', 'POST', '/revocations', body))).toEqual([403, 'forbidden']);
    const own = await makeKey('ann');
    for (const body of [{ tenant: 'acme', subject: 'ben' }, { key: own.id }])
      expect((await call('ann', 'POST', '/revocations', body)).status).toBe(201);
  });

  it('reads what was done in that tenant, and nothing else', async () => {
    for (const as of ['ann', 'eve'])
      await call(as, 'POST', '/jobs', { type: 'sleep', payload: {}, runAt: LATER });

    const audit = async (as: string): Promise<string[]> => {
      const { entries } = (await call(as, 'GET', '/audit?limit=100')).json<{ entries: AuditEntry[] }>();
      return [...new Set(entries.map(({ tenant }) => tenant ?? ''))].toSorted();
    };
    expect(await audit('ann')).toEqual(['acme']);
    expect(await audit('root')).toEqual(expect.arrayContaining(['acme', 'globex']));
  });
});
