import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Events } from '../../src/events/events.ts';
import type { Job } from '../../src/job/job.ts';
import type { Visibility } from '../../src/job/visibility.ts';
import type { RedisConnections } from '../../src/redis/redis-connections.ts';
import type { JobFilter } from '../../src/store/job-feed.ts';
import { JobReader } from '../../src/stream/job-reader.ts';
import { ReadFaults } from '../../src/stream/read-faults.ts';
import { aNewJob } from '../support/jobs.ts';
import { aSettlement, TestStore } from '../support/store.ts';

const OTHERS: [title: string, visibility: Visibility][] = [
  ['the same owner of another tenant', { tenant: 'globex', owner: 'alice', job: null }],
  ['all of another tenant', { tenant: 'globex', owner: null, job: null }],
  ['another owner of the tenant', { tenant: 'acme', owner: 'bob', job: null }],
  ['a viewer of another job', { tenant: 'acme', owner: null, job: '0190aaaa-0000-7000-8000-000000000001' }],
];
const EVERYBODY: Visibility = { tenant: null, owner: null, job: null };

/** Behind the checks of the routes, each statement has its own: one of them alone must be enough. */
describe.each(OTHERS)('The store answers %s', (_title, visibility) => {
  let test: TestStore;
  let queued: string;
  let active: string;
  let failed: string;
  beforeAll(async () => {
    test = await TestStore.open();
    [queued = '', active = '', failed = ''] = await Promise.all([
      jobOf('alice'),
      jobOf('alice'),
      jobOf('alice'),
    ]);
    await test.moves.claim([{ id: active, version: 1 }], ['test'], 'worker');
    await test.moves.cancelQueued(failed, EVERYBODY);
    await jobOf(null);
  });
  afterAll(() => test.close());

  async function jobOf(owner: string | null): Promise<string> {
    const job = aNewJob({ owner, runAt: owner === null ? new Date('2100-01-01T00:00:00Z') : null });
    await test.store.insert([job]);
    return job.id;
  }

  function listed(filter: JobFilter, seenBy: Visibility): Promise<Job[]> {
    return test.feed.page({ filter, visibility: seenBy, since: null, before: null, limit: 100 });
  }

  it('with no job, by id, in a list or in a feed', async () => {
    for (const id of [queued, active, failed])
      expect(await test.store.findVisible(id, visibility)).toBeNull();
    expect(await listed({}, visibility)).toEqual([]);
    expect(await listed({ ids: [queued, active] }, visibility)).toEqual([]);
    const page = { filter: {}, visibility, since: null, before: null, limit: 100 };
    expect(await test.feed.page(page)).toEqual([]);
    expect(await test.feed.page({ ...page, since: '0' })).toEqual([]);
  });

  it('with no change of a job', async () => {
    expect(await test.moves.cancelQueued(queued, visibility)).toBeNull();
    expect(await test.leases.requestCancel(active, visibility)).toBeNull();
    expect(await test.moves.retry(failed, visibility)).toBeNull();
    for (const [id, version] of [
      [queued, 1],
      [active, 2],
      [failed, 2],
    ] as const)
      expect((await test.raw(id)).version).toBe(version);
    const asked = await test.query('SELECT id FROM jobs.job WHERE cancel_requested_at IS NOT NULL');
    expect(asked).toEqual([{ id: failed }]);
  });

  it('though everybody who may see them finds them', async () => {
    expect(await listed({}, EVERYBODY)).toHaveLength(4);
    expect(await listed({}, { tenant: 'acme', owner: 'alice', job: null })).toHaveLength(3);
    // A job without an owner is nobody's, whatever somebody is called.
    expect(await listed({}, { tenant: 'acme', owner: '', job: null })).toEqual([]);
    expect(await listed({}, { tenant: 'acme', owner: 'null', job: null })).toEqual([]);
  });
});

/** Nobody asks for these statements, so what names the tenant is the stream, the message or the attempt. */
describe('The store, given the id of a job and the tenant of another', () => {
  let test: TestStore;
  let id: string;
  beforeAll(async () => {
    test = await TestStore.open();
    const job = aNewJob();
    id = job.id;
    await test.store.insert([job]);
    await test.moves.claim([{ id, version: 1 }], ['test'], 'worker');
  });
  afterAll(() => test.close());

  it('reads neither the job nor its history', async () => {
    const foreign = { id, tenant: 'globex', after: 0 };
    expect(await test.store.find([foreign])).toEqual([]);
    expect(await test.store.positions([foreign])).toEqual(new Map());
    expect(await test.store.changesAfter([foreign])).toEqual([[]]);
    expect(await test.history(id)).toHaveLength(2);
  });

  it('reads it for the one who names its tenant, also where both ask at once', async () => {
    const reader = new JobReader(test.store, {} as RedisConnections, new ReadFaults(new Events()));
    const asked = ['globex', 'acme', 'globex'].map((tenant) => reader.job({ id, tenant }));
    expect((await Promise.all(asked)).map((job) => job?.id ?? null)).toEqual([null, id, null]);
  });

  it('writes nothing of an attempt', async () => {
    const attempt = { id, tenant: 'globex', version: 2 };
    const line = { level: 'info', text: 'x', at: new Date().toISOString() } as const;
    const before = await test.raw(id);
    expect(await test.leases.renew([{ ...attempt, progress: null, tick: 1 }])).toEqual([]);
    expect(await test.logs.append([{ ...attempt, lines: [line] }])).toEqual([null]);
    expect(await test.moves.settle([aSettlement(id, 2, attempt)])).toEqual([null]);
    expect(await test.raw(id)).toEqual(before);
  });
});
