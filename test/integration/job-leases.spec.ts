import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Job } from '../../src/job/job.ts';
import { toProgress } from '../../src/job/progress.ts';
import { EVERYTHING } from '../../src/job/visibility.ts';
import type { NewJob } from '../../src/store/job-store.ts';
import { aNewJob } from '../support/jobs.ts';
import { aSettlement, TestStore } from '../support/store.ts';

let db: TestStore;
let other: TestStore;
beforeAll(async () => {
  db = await TestStore.open();
  other = await db.beside();
});
afterAll(async () => {
  await other.close();
  await db.close();
});

async function insert(parts: Partial<NewJob> = {}): Promise<string> {
  const job = aNewJob(parts);
  await db.store.insert([job]);
  return job.id;
}

/** A job that is active at version 2, held by `w`. */
async function active(parts: Partial<NewJob> = {}): Promise<string> {
  const id = await insert(parts);
  const [job] = await db.moves.claim([{ id, version: 1 }], ['test'], 'w');
  if (!job) throw new Error(`Job ${id} could not be claimed.`);
  return id;
}

const read = (id: string): Promise<Job> => db.read(id);

const reasonsOf = async (id: string): Promise<string[]> => (await db.history(id)).map(({ reason }) => reason);

describe('a lease', () => {
  it('that ran out gives the job back, or fails it when every attempt is used up', async () => {
    const [again, last] = [await active({ maxAttempts: 2 }), await active({ maxAttempts: 1 })];
    await db.expireLease(again);
    await db.expireLease(last);
    await db.moves.expireLeases();
    expect(await read(again)).toMatchObject({ status: 'queued', version: 3, error: { code: 'lease_lost' } });
    expect(await read(last)).toMatchObject({ status: 'failed', version: 3, error: { code: 'lease_lost' } });
    expect((await read(last)).finishedAt).not.toBeNull();
    expect((await db.raw(again)).stage).toBe('ready');
  });

  it('that ran out cancels a job that was to be cancelled', async () => {
    const id = await active();
    await db.leases.requestCancel(id, EVERYTHING);
    await db.expireLease(id);
    await db.moves.expireLeases();
    expect(await read(id)).toMatchObject({ status: 'cancelled', error: null });
    expect(await reasonsOf(id)).toEqual(['submitted', 'claimed', 'cancelled']);
  });

  it('that holds is left alone, and one that ran out is taken once, however many look', async () => {
    const [held, lost] = [await active(), await active()];
    await db.expireLease(lost);
    const taken = await Promise.all([
      db.moves.expireLeases(),
      other.moves.expireLeases(),
      db.moves.expireLeases(),
    ]);
    expect(taken.flat().map(({ id }) => id)).toEqual([lost]);
    expect(await read(held)).toMatchObject({ status: 'active', version: 2 });
  });

  it('is renewed for the jobs that are still held, with requests to cancel and the newest progress', async () => {
    const [kept, cancelled, lost, ended] = [await active(), await active(), await active(), await active()];
    await db.leases.requestCancel(cancelled, EVERYTHING);
    await db.expireLease(lost);
    await db.moves.expireLeases();
    await db.moves.settle([aSettlement(ended, 2)]);
    const before = (await db.raw(kept)).lease_until?.getTime() ?? 0;
    const progress = toProgress({ done: 1 });
    const updates = [kept, cancelled, lost, ended].map((id) => ({
      id,
      tenant: 'acme',
      version: 2,
      progress: id === kept ? progress : null,
      tick: 2,
    }));
    const leases = await db.leases.renew(updates);
    expect(leases.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      { id: kept, version: 2, cancelRequested: false },
      { id: cancelled, version: 2, cancelRequested: true },
    ]);
    expect((await db.raw(kept)).lease_until?.getTime()).toBeGreaterThan(before);
    expect(await read(kept)).toMatchObject({ version: 2, progress, progressTick: 2 });
    expect(await read(cancelled)).toMatchObject({ progress: null, progressTick: 0 });
    expect(await db.history(kept)).toHaveLength(2);
  });
});

describe('a cancel and a retry by hand', () => {
  it('cancels a queued job and asks an active one, of those whom the caller sees', async () => {
    const [queued, running] = [await insert(), await active()];
    const stranger = { ...EVERYTHING, tenant: 'other' };
    expect(await db.moves.cancelQueued(queued, stranger)).toBeNull();
    expect(await db.leases.requestCancel(running, stranger)).toBeNull();
    expect(await db.moves.cancelQueued(running, EVERYTHING)).toBeNull();
    expect(await db.leases.requestCancel(queued, EVERYTHING)).toBeNull();
    expect(await db.moves.cancelQueued(queued, EVERYTHING)).toMatchObject({
      status: 'cancelled',
      version: 2,
    });
    const first = await db.leases.requestCancel(running, EVERYTHING);
    expect(first).toMatchObject({ status: 'active', version: 2, repeated: false });
    expect(await db.leases.requestCancel(running, EVERYTHING)).toEqual({ ...first, repeated: true });
  });

  it("queues a failed job again with one more attempt, and nobody else's", async () => {
    const id = await active({ maxAttempts: 1 });
    await db.moves.settle([aSettlement(id, 2, { status: 'failed', error: { code: 'x', message: 'y' } })]);
    expect(await db.moves.retry(id, { ...EVERYTHING, owner: 'bob' })).toBeNull();
    expect(await db.moves.retry(id, EVERYTHING)).toMatchObject({
      status: 'queued',
      version: 4,
      attempt: 1,
      maxAttempts: 2,
      error: null,
      result: null,
      progress: null,
      finishedAt: null,
    });
    expect(await db.moves.retry(id, EVERYTHING)).toBeNull();
    expect(await db.moves.claim([{ id, version: 4 }], ['test'], 'w')).toEqual([
      expect.objectContaining({ attempt: 2 }),
    ]);
  });

  it('does not retry what has completed', async () => {
    const id = await active();
    await db.moves.settle([aSettlement(id, 2)]);
    expect(await db.moves.retry(id, EVERYTHING)).toBeNull();
  });
});
