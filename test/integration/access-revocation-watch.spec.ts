import { Logger } from '@nestjs/common';
import { Database } from '../../src/store/database.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Caller } from '../../src/access/caller.ts';
import { RevocationWatch, type WatchedStream } from '../../src/access/revocation-watch.ts';
import { resolveOptions } from '../../src/jobs.options.ts';
import { type Revocable, RevocationStore } from '../../src/store/revocation-store.ts';
import { eventually } from '../support/eventually.ts';
import { createTestDatabase, type TestDatabase } from '../support/services.ts';

const JOB = '0190aaaa-0000-7000-8000-000000000001';
const options = resolveOptions({
  redis: 'redis://unused',
  jwt: { secret: 'x'.repeat(32), issuer: 'unused', audience: 'unused' },
});

function caller(subject: string, parts: Partial<Caller> = {}): Caller {
  return {
    tenant: 'acme',
    subject,
    scopes: new Set(),
    expiresAt: null,
    job: null,
    issuedAt: new Date(),
    ...parts,
  };
}

function subjectOf(value: string): Revocable {
  return { kind: 'subject', tenant: 'acme', value };
}

describe('the watch for revocations', () => {
  let database: TestDatabase;
  let store: RevocationStore;
  let watch: RevocationWatch;
  let open: WatchedStream[];
  let ended: string[];
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['log', 'error', 'warn']));
  beforeEach(async () => {
    database = await createTestDatabase();
    store = new RevocationStore(new Database(database.dataSource, 'jobs'));
    watch = new RevocationWatch(store, options);
    open = [];
    ended = [];
  });
  afterEach(async () => {
    for (const stream of open) stream.stop();
    await database.drop();
  });

  function follow(subject: string, parts: Partial<Caller> = {}, job: string | null = null): WatchedStream {
    const stream = watch.watch({ caller: caller(subject, parts), job, revoke: () => ended.push(subject) });
    open.push(stream);
    return stream;
  }

  function expectEnded(...subjects: string[]): Promise<void> {
    return eventually(() => expect(ended.toSorted()).toEqual(subjects), { timeoutMs: 1_000 });
  }

  it('ends the streams that are revoked while they are open, and no others, within a second', async () => {
    follow('alice');
    follow('bob');
    await store.add(subjectOf('alice'));
    await expectEnded('alice');

    await store.add({ kind: 'tenant', tenant: 'umbrella', value: '' });
    await store.add(subjectOf('bob'));
    await expectEnded('alice', 'bob');
  });

  it('ends a stream that was revoked between its admission and its start', async () => {
    const issuedAt = new Date(Date.now() - 1_000);
    await store.add(subjectOf('alice'));
    follow('bob');
    follow('alice', { issuedAt });
    await expectEnded('alice');
  });

  it('does so also for one that opens beside others', async () => {
    const first = follow('bob');
    await store.add(subjectOf('carol'));
    await eventually(() => expect(followed(first)).toBe(true));
    follow('alice', { issuedAt: new Date(0) });
    await store.add(subjectOf('alice'));
    follow('carol', { issuedAt: new Date(0) });
    await expectEnded('alice', 'carol');

    function followed(stream: WatchedStream): boolean {
      return !stream.isRevoked();
    }
  });

  it('ends a stream again that came back with a new credential, when that is revoked too', async () => {
    follow('alice');
    await store.add(subjectOf('alice'));
    await expectEnded('alice');
    follow('alice', { issuedAt: new Date(Date.now() + 10) });
    follow('bob');
    await store.add({ kind: 'tenant', tenant: 'umbrella', value: '' });
    await eventually(async () => expect(await store.after('1', 10)).toHaveLength(1));

    await database.dataSource.query('SELECT pg_sleep(0.05)');
    await store.add(subjectOf('alice'));
    await expectEnded('alice', 'alice');
  });

  it('misses none of many that are committed at once and out of their order', async () => {
    const names = Array.from({ length: 60 }, (_item, index) => `s${index}`.padStart(3, '0'));
    for (const name of names) follow(name);
    await Promise.all(
      names.map((name, index) =>
        database.dataSource.transaction(async (manager) => {
          await manager.query('SELECT pg_sleep($1)', [((index * 7) % 10) / 100]);
          await store.add(subjectOf(name), undefined, manager);
          await manager.query('SELECT pg_sleep($1)', [((index * 3) % 5) / 200]);
        }),
      ),
    );
    await eventually(() => expect(ended.length).toBe(names.length), { timeoutMs: 2_000 });
    expect(new Set(ended).size).toBe(names.length);
  });

  it('ends every stream of a revoked job, whoever follows it', async () => {
    follow('alice', {}, JOB);
    follow('bob', { job: JOB, boundAt: new Date() }, null);
    follow('carol', {}, JOB.replace(/1$/, '2'));
    await store.add({ kind: 'job', tenant: '', value: JOB });
    await expectEnded('alice', 'bob');
    follow('dave', {}, JOB);
    follow('erin', { issuedAt: new Date(0) });
    await store.add(subjectOf('erin'));
    await expectEnded('alice', 'bob', 'erin');
  });

  it('knows from memory what is revoked, for heartbeats', async () => {
    const alice = follow('alice');
    expect(alice.isRevoked()).toBe(false);
    await store.add(subjectOf('alice'));
    await expectEnded('alice');
    expect(alice.isRevoked()).toBe(true);
    expect(follow('bob').isRevoked()).toBe(false);
  });

  it('goes on after Postgres could not be read', async () => {
    follow('alice');
    await database.dataSource.query('ALTER TABLE jobs.revocation RENAME TO away');
    follow('bob', { issuedAt: new Date(0) });
    await database.dataSource.query(
      `INSERT INTO jobs.away (kind, tenant, value) VALUES ('subject', 'acme', 'alice'), ('subject', 'acme', 'bob')`,
    );
    await database.dataSource.query('ALTER TABLE jobs.away RENAME TO revocation');
    await eventually(() => expect(ended.toSorted()).toEqual(['alice', 'bob']), { timeoutMs: 2_000 });
  });

  it('tells nobody who has left', async () => {
    follow('alice').stop();
    follow('bob');
    await store.add(subjectOf('alice'));
    await store.add(subjectOf('bob'));
    await expectEnded('bob');
  });
});
