import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EVERYTHING } from '../../src/job/visibility.ts';
import type { Offer } from '../../src/store/job-offers.ts';
import type { NewJob } from '../../src/store/job-store.ts';
import { aNewJob } from '../support/jobs.ts';
import { TestStore } from '../support/store.ts';

let db: TestStore;
let other: TestStore;
beforeAll(async () => {
  db = await TestStore.open();
  other = await db.beside();
});
beforeEach(() => db.query('TRUNCATE jobs.job, jobs.job_change'));
afterAll(async () => {
  await other.close();
  await db.close();
});

async function insert(...jobs: Partial<NewJob>[]): Promise<string[]> {
  const inserted = await db.store.insert(jobs.map((parts) => aNewJob(parts)));
  return inserted.map(({ job }) => job.id);
}

async function takeOffers(window = 1_000, relay = db): Promise<Offer[]> {
  return relay.offers.take([{ queue: 'default', window }]);
}

async function take(window = 1_000, relay = db): Promise<string[]> {
  return (await takeOffers(window, relay)).map(({ id }) => id);
}

const many = (count: number): Partial<NewJob>[] => Array.from({ length: count }, () => ({}));
const refs = (ids: string[]): { id: string; version: number }[] => ids.map((id) => ({ id, version: 1 }));

/** Seconds until the job is offered again. */
async function offeredAgainIn(id: string | undefined): Promise<number> {
  const [row] = await db.query<{ seconds: string }>(
    'SELECT extract(epoch FROM offer_again_at - now()) AS seconds FROM jobs.job WHERE id = $1',
    [id],
  );
  return Number(row?.seconds);
}

/** As if this many seconds had passed for the offers. */
async function pass(seconds: number): Promise<void> {
  await db.query(
    `UPDATE jobs.job SET offer_again_at = offer_again_at - $1 * interval '1 s' WHERE stage = 'offered'`,
    [seconds],
  );
}

describe('offers', () => {
  it('are the ready jobs of a queue by priority, then time, then id', async () => {
    const at = (seconds: number): Date => new Date(1_000 * seconds);
    const ids = await insert(
      { runAt: at(3) },
      { runAt: at(1) },
      { runAt: at(9), priority: 9 },
      { runAt: at(2), priority: 5 },
      { runAt: at(1), priority: 5 },
      { runAt: at(1) },
    );
    expect(await take()).toEqual([ids[2], ids[4], ids[3], ids[1], ids[5], ids[0]]);
  });

  it('carry what Bull has to know', async () => {
    const [id] = await insert({ type: 'a.b' });
    expect(await db.offers.take([{ queue: 'default', window: 1 }])).toEqual([
      {
        id,
        version: 1,
        tenant: 'acme',
        type: 'a.b',
        queue: 'default',
        until: expect.any(String),
        again: false,
      },
    ]);
  });

  it('are as many as the window of each queue has room for', async () => {
    await insert(...many(5), ...many(5).map(() => ({ queue: 'other' })), { queue: 'undeclared' });
    const windows = [
      { queue: 'default', window: 3 },
      { queue: 'other', window: 1 },
    ];
    const queues = (await db.offers.take(windows)).map(({ queue }) => queue).toSorted();
    expect(queues).toEqual(['default', 'default', 'default', 'other']);
    expect(await db.offers.take(windows)).toEqual([]);
  });

  it('make room as jobs are claimed or cancelled', async () => {
    await insert(...many(6));
    const offered = await take(3);
    await db.moves.claim(refs(offered.slice(0, 1)), ['test'], 'w');
    await db.moves.cancelQueued(offered[1] ?? '', EVERYTHING);
    expect(await take(3)).toHaveLength(2);
  });

  it('put a higher priority first even when lower ones have waited for long', async () => {
    await insert(...many(10).map(() => ({ runAt: new Date(0) })));
    await take(2);
    const [urgent] = await insert({ priority: 9 });
    expect((await take(3))[0]).toBe(urgent);
  });

  it('come once the time of a later job has come', async () => {
    const [later, sooner] = await insert(
      { runAt: new Date('2100-01-01T00:00:00Z') },
      { runAt: new Date('2100-01-01T00:00:00Z') },
    );
    await db.offers.promote();
    expect(await take()).toEqual([]);
    await db.query(`UPDATE jobs.job SET run_at = now() - interval '1 ms' WHERE id = $1`, [sooner]);
    expect(await take()).toEqual([]);
    await db.offers.promote();
    expect(await take()).toEqual([sooner]);
    expect((await db.raw(later ?? '')).stage).toBe('later');
  });

  it('are made again when their hand-over is not confirmed within 5 s', async () => {
    const ids = await insert({});
    await take();
    expect(await offeredAgainIn(ids[0])).toBeGreaterThan(4);
    await pass(4);
    expect(await take()).toEqual([]);
    await pass(1);
    expect(await take()).toEqual(ids);
    expect(await take()).toEqual([]);
  });

  it('are made again when they were confirmed and nobody claimed them within 60 s', async () => {
    const ids = await insert({});
    await db.offers.confirm(await takeOffers());
    await pass(59);
    expect(await take()).toEqual([]);
    await pass(1);
    expect(await take()).toEqual(ids);
  });

  it('are made again although the window is full, as they are in it already', async () => {
    const ids = await insert(...many(2));
    await take(2);
    await pass(5);
    expect((await take(2)).toSorted()).toEqual(ids.toSorted());
  });

  it('that a worker gave back are made again after a second', async () => {
    const [back, kept] = await insert({}, {});
    await db.offers.confirm(await takeOffers());
    await db.offers.giveBack(refs([back ?? '']));
    expect(await offeredAgainIn(back)).toBeLessThanOrEqual(1);
    expect(await offeredAgainIn(kept)).toBeGreaterThan(50);
    await pass(1);
    expect(await take()).toEqual([back]);
  });

  it('that were claimed meanwhile are left alone by a late confirmation', async () => {
    const ids = await insert({});
    const offers = await takeOffers();
    await db.moves.claim(refs(ids), ['test'], 'w');
    await db.offers.confirm(offers);
    await db.offers.giveBack(refs(ids));
    expect(await db.raw(ids[0] ?? '')).toMatchObject({ status: 'active', stage: null, offer_again_at: null });
  });

  it('that a worker gave back before the hand-over was confirmed are made again after a second all the same', async () => {
    const ids = await insert({});
    const offers = await takeOffers();
    await db.offers.giveBack(offers);
    await db.offers.confirm(offers);
    expect(await offeredAgainIn(ids[0])).toBeLessThanOrEqual(1);
  });

  it('are all made again for a Redis that was emptied', async () => {
    const ids = await insert(...many(5));
    await db.offers.confirm(await takeOffers());
    await db.offers.offerEverythingAgain();
    expect((await take()).toSorted()).toEqual(ids.toSorted());
  });
});

describe('relays that look at the same time', () => {
  it('hand over each row once between them', async () => {
    const ids = await insert(...many(400));
    const taken = await Promise.all(Array.from({ length: 8 }, (_, n) => take(1_000, n % 2 ? db : other)));
    expect(taken.flat()).toHaveLength(400);
    expect(taken.flat().toSorted()).toEqual(ids.toSorted());
  });

  it('make an offer again once between them', async () => {
    const ids = await insert(...many(100));
    await take();
    await pass(5);
    const taken = await Promise.all(Array.from({ length: 8 }, (_, n) => take(1_000, n % 2 ? db : other)));
    expect(taken.flat().toSorted()).toEqual(ids.toSorted());
  });

  it('do not wait for one that holds rows', async () => {
    const ids = await insert(...many(4));
    const held = ids.slice(0, 2);
    await other.dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1 FROM jobs.job WHERE id = ANY($1) FOR UPDATE', [held]);
      expect(await take()).toEqual(ids.slice(2));
    });
    expect(await take()).toEqual(held);
  });
});
