import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { storableJson, storableText } from '../../src/runtime/storable.ts';
import { EVERYTHING } from '../../src/job/visibility.ts';
import type { JobFilter } from '../../src/store/job-feed.ts';
import { aNewJob } from '../support/jobs.ts';
import { aSettlement, TestStore } from '../support/store.ts';

let db: TestStore;
beforeAll(async () => {
  db = await TestStore.open();
});
afterEach(() => void jest.restoreAllMocks());
afterAll(() => db.close());

describe('inserting jobs', () => {
  it('answers each at its index, queued at version 1 with its first history row', async () => {
    const jobs = Array.from({ length: 20 }, (_, n) =>
      aNewJob({ type: `t${n % 3}`, priority: n % 10, tags: [`n${n}`] }),
    );
    const inserted = await db.store.insert(jobs);
    expect(inserted.map(({ job }) => job.id)).toEqual(jobs.map(({ id }) => id));
    for (const [n, { job, replayed, samePayload }] of inserted.entries()) {
      expect(job).toMatchObject({
        type: `t${n % 3}`,
        priority: n % 10,
        tags: [`n${n}`],
        status: 'queued',
        version: 1,
      });
      expect({ replayed, samePayload }).toEqual({ replayed: false, samePayload: true });
      expect(await db.history(job.id)).toEqual([
        expect.objectContaining({ version: 1, status: 'queued', reason: 'submitted' }),
      ]);
    }
  });

  it('makes one job of a key that comes twice in a batch', async () => {
    const jobs = ['a', 'b', 'a'].map((idempotencyKey) => aNewJob({ type: 'twice', idempotencyKey }));
    const inserted = await db.store.insert(jobs);
    expect(inserted.map(({ job }) => job.id)).toEqual([jobs[0]?.id, jobs[1]?.id, jobs[0]?.id]);
    expect(inserted.map(({ replayed }) => replayed)).toEqual([false, false, true]);
  });

  it('says whether a replay had the same payload', async () => {
    const first = aNewJob({ idempotencyKey: 'k', payloadHash: 'one' });
    const other = aNewJob({ idempotencyKey: 'k', payloadHash: 'two' });
    const [, replay] = await db.store.insert([first, other]);
    expect(replay).toMatchObject({ replayed: true, samePayload: false, job: { id: first.id } });
  });

  const withKey = (idempotencyKey: string) => aNewJob({ type: 'purged', idempotencyKey });

  /** So often, the job with the key is purged before it is looked for, and made again by somebody else after that. */
  function purgedMeanwhile(times: number): void {
    const query = db.tables.query.bind(db.tables);
    let left = times;
    jest.spyOn(db.tables, 'query').mockImplementation(async (sql, parameters, manager) => {
      if (!sql.includes('AS "payloadHash"') || left === 0) return query(sql, parameters, manager);
      await db.query(`DELETE FROM jobs.job WHERE type = 'purged' AND idempotency_key = 'k'`);
      const rows = await query(sql, parameters, manager);
      left -= 1;
      if (left > 0) await db.store.insert([withKey('k')]);
      return rows;
    });
  }

  it('makes a new job where the one with its key is purged while it is looked for', async () => {
    const [earlier] = await db.store.insert([withKey('k')]);
    purgedMeanwhile(2);
    const jobs = ['k', 'other', 'k'].map(withKey);

    const inserted = await db.store.insert(jobs);

    expect(inserted.map(({ job }) => job.id)).toEqual([jobs[0]?.id, jobs[1]?.id, jobs[0]?.id]);
    expect(inserted.map(({ replayed }) => replayed)).toEqual([false, false, true]);
    expect(inserted[0]?.job.id).not.toBe(earlier?.job.id);
    expect(await db.history(jobs[0]?.id ?? '')).toHaveLength(1);
  });

  it('does not look for ever for a job that is always purged before it is found', async () => {
    await db.store.insert([withKey('k')]);
    purgedMeanwhile(100);

    await expect(db.store.insert([withKey('k')])).rejects.toThrow('Submit it again');
  });

  it('tells keys apart by tenant and type', async () => {
    const jobs = [
      aNewJob({ idempotencyKey: 'same' }),
      aNewJob({ idempotencyKey: 'same', tenant: 'other' }),
      aNewJob({ idempotencyKey: 'same', type: 'other' }),
    ];
    expect((await db.store.insert(jobs)).every(({ replayed }) => !replayed)).toBe(true);
  });

  it('makes one job of each key when many batches race for the same ones', async () => {
    const batches = Array.from({ length: 8 }, (_, n) => {
      const keys = Array.from({ length: 50 }, (_key, k) => `race-${k}`);
      return (n % 2 ? keys : keys.toReversed()).map((idempotencyKey) =>
        aNewJob({ type: 'race', idempotencyKey }),
      );
    });
    const answers = (await Promise.all(batches.map((batch) => db.store.insert(batch)))).flat();
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(50);
    expect(new Set(answers.map(({ job }) => job.id)).size).toBe(50);
  });

  it('lets batches of many tenants that use the same key race without a deadlock', async () => {
    const tenants = Array.from({ length: 200 }, (_, n) => `tenant-${n}`);
    for (let round = 0; round < 10; round += 1) {
      const batches = [tenants, tenants.toReversed()].map((order) =>
        order.map((tenant) => aNewJob({ tenant, idempotencyKey: `round-${round}` })),
      );
      const answers = (await Promise.all(batches.map((batch) => db.store.insert(batch)))).flat();
      expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(tenants.length);
    }
  });

  it('knows a due job from one that has time', async () => {
    const now = aNewJob();
    const past = aNewJob({ runAt: new Date(0) });
    const later = aNewJob({ runAt: new Date('2100-01-01T00:00:00Z') });
    await db.store.insert([now, past, later]);
    expect((await db.raw(now.id)).stage).toBe('ready');
    expect((await db.raw(past.id)).stage).toBe('ready');
    expect((await db.raw(later.id)).stage).toBe('later');
  });

  it.each([[null], [0], [false], [''], [[]], [{}], [{ b: 1, a: [null, 1.5e300] }]])(
    'keeps the payload %j',
    async (payload) => {
      const job = aNewJob({ payload });
      await db.store.insert([job]);
      expect(await db.store.payload(job.id, EVERYTHING)).toEqual(payload);
    },
  );

  it('stores every text that was made storable', async () => {
    const unit = fc.oneof(
      fc.constantFrom('\\', '\u0000', '\ud83d', '\ude00', '😀', 'u0000'),
      fc.nat(0xffff).map((n) => String.fromCharCode(n)),
    );
    const texts = fc.array(
      fc.array(unit, { maxLength: 8 }).map((units) => units.join('')),
      { minLength: 50, maxLength: 50 },
    );
    await fc.assert(
      fc.asyncProperty(texts, async (given) => {
        const json = storableJson(JSON.stringify(given));
        const rows = await db.query<{ text: string }>(
          'SELECT value AS text FROM json_array_elements_text($1::json)',
          [json],
        );
        expect(rows.map(({ text }) => text)).toEqual(given.map(storableText));
        await db.query('SELECT $1::text[]', [given.map(storableText)]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('reading jobs', () => {
  it('lists what matches, newest first, page by page, without a gap or a double', async () => {
    const jobs = Array.from({ length: 25 }, (_, n) =>
      aNewJob({ tenant: 'pages', tags: n % 2 ? ['odd'] : [] }),
    );
    await db.store.insert(jobs);
    const visibility = { ...EVERYTHING, tenant: 'pages' };
    const pageOf = (filter: JobFilter, limit = 100, before: string | null = null) =>
      db.feed.page({ filter, visibility, since: null, before, limit });
    const seen: string[] = [];
    for (let before: string | null = null; ;) {
      const page = await pageOf({}, 10, before);
      seen.push(...page.map(({ id }) => id));
      if (page.length < 10) break;
      before = page.at(-1)?.id ?? null;
    }
    expect(seen).toEqual(jobs.map(({ id }) => id).toReversed());
    expect(await pageOf({ tag: ['odd', 'x'] })).toHaveLength(12);
    expect(await pageOf({ status: ['active'] })).toEqual([]);
  });

  it('shows a job to those who may see it only', async () => {
    const job = aNewJob({ tenant: 'a', owner: 'ann' });
    await db.store.insert([job]);
    const sees = async (parts: Partial<typeof EVERYTHING>): Promise<boolean> =>
      (await db.store.findVisible(job.id, { ...EVERYTHING, ...parts })) !== null;
    expect(await sees({})).toBe(true);
    expect(await sees({ tenant: 'a' })).toBe(true);
    expect(await sees({ tenant: 'a', owner: 'ann' })).toBe(true);
    expect(await sees({ tenant: 'a', owner: 'bob' })).toBe(false);
    expect(await sees({ tenant: 'b' })).toBe(false);
    expect(await sees({ tenant: 'a', job: job.id })).toBe(true);
    expect(await sees({ tenant: 'a', job: aNewJob().id })).toBe(false);
  });

  it('reads the changes of many jobs at once, each from its own version on', async () => {
    const [a, b] = [aNewJob(), aNewJob()];
    await db.store.insert([a, b]);
    await db.moves.claim(
      [
        { id: a.id, version: 1 },
        { id: b.id, version: 1 },
      ],
      ['test'],
      'w',
    );
    await db.moves.settle([aSettlement(a.id, 2)]);
    const changes = await db.store.changesAfter([
      { ...b, after: 0 },
      { ...a, after: 1 },
      { ...aNewJob(), after: 0 },
      { ...a, after: 3 },
    ]);
    expect(changes.map((list) => list.map(({ version }) => version))).toEqual([[1, 2], [2, 3], [], []]);
  });
});
