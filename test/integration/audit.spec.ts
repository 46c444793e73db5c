import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Act, Actor } from '../../src/job/actor.ts';
import { EVERYTHING } from '../../src/job/visibility.ts';
import { ApiKeyStore } from '../../src/store/api-key-store.ts';
import { RevocationStore } from '../../src/store/revocation-store.ts';
import { aNewJob } from '../support/jobs.ts';
import { TestStore } from '../support/store.ts';

const BOB: Actor = { tenant: 'acme', subject: 'bob', credential: 'token:t1' };
const ADMIN: Actor = { tenant: 'operators', subject: 'root', credential: 'key:k1' };

let db: TestStore;
let keys: ApiKeyStore;
let revocations: RevocationStore;
beforeAll(async () => {
  db = await TestStore.open();
  revocations = new RevocationStore(db.tables);
  keys = new ApiKeyStore(db.tables, revocations);
});
afterAll(() => db.close());
beforeEach(() => db.query('TRUNCATE jobs.audit'));

/** What is on record, oldest first, without ids and times. */
async function acts(): Promise<Act[]> {
  const entries = await db.audit.list({ tenant: null }, 100, null);
  return entries.toReversed().map(({ id: _id, at: _at, ...act }) => act);
}

function actOnJob(action: Act['action'], id: string, by: Actor): Act {
  const detail = { type: 'test', tenant: 'acme' };
  return { ...by, tenant: by.tenant ?? 'acme', action, target: { kind: 'job', id }, detail };
}

async function queuedJob(): Promise<string> {
  const job = aNewJob();
  await db.store.insert([job]);
  await db.query('TRUNCATE jobs.audit');
  return job.id;
}

async function activeJob(): Promise<string> {
  const id = await queuedJob();
  await db.moves.claim([{ id, version: 1 }], ['test'], 'w');
  return id;
}

describe('the audit of jobs', () => {
  it('has one row for each job that a batch inserted, with who submitted it', async () => {
    const jobs = [aNewJob({ actor: BOB }), aNewJob({ actor: ADMIN }), aNewJob()];
    await db.store.insert(jobs);
    const expected = jobs.map(({ id, actor }) => actOnJob('submit', id, actor));
    expect((await acts()).toSorted(byTarget)).toEqual(expected.toSorted(byTarget));
  });

  it('has no row for a job that an idempotency key found again', async () => {
    await db.store.insert([aNewJob({ idempotencyKey: 'once' })]);
    await db.store.insert([aNewJob({ idempotencyKey: 'once', actor: BOB })]);
    expect(await acts()).toHaveLength(1);
  });

  it('loses the row with the job when the transaction around it rolls back', async () => {
    const runner = db.dataSource.createQueryRunner();
    await runner.startTransaction();
    await db.store.insert([aNewJob()], runner.manager);
    expect(await runner.query('SELECT 1 FROM jobs.audit')).toHaveLength(1);
    await runner.rollbackTransaction();
    await runner.release();
    expect(await acts()).toEqual([]);
  });

  it('names who cancelled a queued job and who retried it', async () => {
    const id = await queuedJob();
    await db.moves.cancelQueued(id, EVERYTHING, BOB);
    await db.moves.retry(id, EVERYTHING, ADMIN);
    expect(await acts()).toEqual([actOnJob('cancel', id, BOB), actOnJob('retry', id, ADMIN)]);
  });

  it('names who first asked a running job to stop, and not those who repeated it', async () => {
    const id = await activeJob();
    const other = await db.beside();
    try {
      const asked = await Promise.all(
        [BOB, BOB, BOB, BOB].map((actor, index) =>
          (index % 2 ? other : db).leases.requestCancel(id, EVERYTHING, actor),
        ),
      );
      expect(asked.filter((job) => job?.repeated === false)).toHaveLength(1);
    } finally {
      await other.close();
    }
    expect(await acts()).toEqual([actOnJob('cancel', id, BOB)]);
  });

  it('has no row for what changed nothing, nor for what workers do', async () => {
    const id = await activeJob();
    const stranger = { ...EVERYTHING, tenant: 'other' };
    await db.moves.cancelQueued(id, EVERYTHING, BOB);
    await db.moves.retry(id, EVERYTHING, BOB);
    await db.leases.requestCancel(id, stranger, BOB);
    await db.expireLease(id);
    await db.moves.expireLeases();
    expect(await acts()).toEqual([]);
  });

  it('takes the tenant of the job for the application, which has none', async () => {
    const id = await queuedJob();
    await db.moves.cancelQueued(id, EVERYTHING);
    const [act] = await acts();
    expect(act).toMatchObject({ tenant: 'acme', subject: 'system', credential: 'application' });
  });
});

describe('the audit of credentials', () => {
  const KEY = { name: 'robot', tenant: 'acme', subject: 'robot', scopes: ['jobs:read'], expiresAt: null };

  it('names who made a key and who revoked it, and holds nothing of the key', async () => {
    const id = '00000000-0000-7000-8000-0000000000aa';
    await keys.insert({ ...KEY, id, prefix: 'prefix-of-it', hash: Buffer.from('hash of it') }, ADMIN);
    expect(await keys.revoke(id, BOB, null)).toMatchObject({ tenant: 'acme' });
    expect(await keys.revoke(id, BOB, null)).toBeNull();

    const target = { kind: 'key', id };
    const detail = { tenant: 'acme', subject: 'robot', scopes: ['jobs:read'] };
    expect(await acts()).toEqual([
      { ...ADMIN, action: 'create', target, detail },
      { ...BOB, action: 'revoke', target, detail: {} },
    ]);
    const rows = JSON.stringify(await db.query('SELECT * FROM jobs.audit'));
    expect(rows).not.toMatch(/prefix-of-it|hash/);
  });

  it('has a row for every revocation, also of what was revoked before', async () => {
    const subject = { kind: 'subject', tenant: 'acme', value: 'eve' } as const;
    await revocations.add(subject, ADMIN);
    await revocations.add(subject, ADMIN);
    await revocations.add({ kind: 'tenant', tenant: 'acme', value: '' });
    const detail = { tenant: 'acme' };
    const revoked = { ...ADMIN, action: 'revoke', target: { kind: 'subject', id: 'eve' }, detail };
    const system = { tenant: 'acme', subject: 'system', credential: 'application' };
    expect(await acts()).toEqual([
      revoked,
      revoked,
      { ...system, action: 'revoke', target: { kind: 'tenant', id: 'acme' }, detail },
    ]);
  });
});

describe('the retention of the audit', () => {
  it('removes entries that are old enough, in batches, and leaves the jobs', async () => {
    const jobs = Array.from({ length: 2_300 }, () => aNewJob());
    await db.store.insert(jobs);
    await db.query(`UPDATE jobs.audit SET at = now() - interval '366 days'`);
    const id = await queuedRow();
    expect(await db.audit.purge(365)).toBe(2_300);
    expect((await acts()).map(({ target }) => target.id)).toEqual([id]);
    expect(await db.read(jobs[0]?.id ?? '')).toMatchObject({ status: 'queued' });
    expect(await db.audit.purge(365)).toBe(0);
  });

  it('is done once by processes that purge at the same time', async () => {
    await db.store.insert(Array.from({ length: 1_500 }, () => aNewJob()));
    await db.query(`UPDATE jobs.audit SET at = now() - interval '2 days'`);
    const other = await db.beside();
    try {
      const [own, others] = await Promise.all([db.audit.purge(1), other.audit.purge(1)]);
      expect(own + others).toBe(1_500);
    } finally {
      await other.close();
    }
  });
});

async function queuedRow(): Promise<string> {
  const job = aNewJob();
  await db.store.insert([job]);
  return job.id;
}

function byTarget(a: Act, b: Act): number {
  return a.target.id < b.target.id ? -1 : 1;
}
