import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
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
beforeEach(() => {
  db.announced.length = 0;
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

describe('a claim', () => {
  it('makes the job active at the next version and attempt, with a lease', async () => {
    const id = await insert({ payload: { a: 1 } });
    const [job] = await db.moves.claim([{ id, version: 1 }], ['test'], 'me');
    expect(job).toMatchObject({ id, status: 'active', version: 2, attempt: 1, payload: { a: 1 } });
    expect(await db.raw(id)).toMatchObject({ worker: 'me', stage: null });
    expect((await db.raw(id)).lease_until?.getTime()).toBeGreaterThan(Date.now());
    expect(await reasonsOf(id)).toEqual(['submitted', 'claimed']);
    expect(db.announced).toEqual([expect.objectContaining({ id, version: 2, status: 'active' })]);
  });

  it.each([
    ['of another version', { version: 2 }, ['test']],
    ['of a type that the worker does not know', { version: 1 }, ['other']],
  ])('%s is none', async (_name, { version }, types) => {
    const id = await insert();
    expect(await db.moves.claim([{ id, version }], types, 'w')).toEqual([null]);
    expect(await db.raw(id)).toMatchObject({ status: 'queued', version: 1 });
    expect(db.announced).toEqual([]);
  });

  it('of a job that is not due yet is none', async () => {
    const id = await insert({ runAt: new Date('2100-01-01T00:00:00Z') });
    expect(await db.moves.claim([{ id, version: 1 }], ['test'], 'w')).toEqual([null]);
  });

  it("is one worker's when many race for the same jobs", async () => {
    const jobs = Array.from({ length: 50 }, () => aNewJob());
    await db.store.insert(jobs);
    const refs = jobs.map(({ id }) => ({ id, version: 1 }));
    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        (n % 2 ? db : other).moves.claim(n % 3 ? refs : refs.toReversed(), ['test'], `w${n}`),
      ),
    );
    const claimed = claims.flat().filter((job) => job !== null);
    expect(claimed).toHaveLength(50);
    expect(new Set(claimed.map(({ id }) => id)).size).toBe(50);
    for (const { id } of claimed) expect(await reasonsOf(id)).toEqual(['submitted', 'claimed']);
  });

  it('of one job twice in a batch is one claim', async () => {
    const id = await insert();
    const claims = await db.moves.claim(
      [
        { id, version: 1 },
        { id, version: 1 },
      ],
      ['test'],
      'w',
    );
    expect(claims.filter((job) => job !== null)).toHaveLength(1);
    expect(await reasonsOf(id)).toEqual(['submitted', 'claimed']);
  });

  it('forgets what the attempt before left', async () => {
    const id = await active();
    const error = { code: 'handler_error', message: 'no' };
    await db.moves.settle([
      aSettlement(id, 2, {
        status: 'queued',
        reason: 'retry',
        error,
        progress: toProgress({ done: 1 }),
        tick: 3,
      }),
    ]);
    expect(await read(id)).toMatchObject({ error, progress: null, progressTick: 0 });
    await db.moves.claim([{ id, version: 3 }], ['test'], 'w');
    expect(await read(id)).toMatchObject({ status: 'active', attempt: 2, error: null, progress: null });
  });
});

describe('a settlement', () => {
  it('ends the job with its result and its last progress', async () => {
    const id = await active();
    const progress = toProgress({ done: 5, total: 10 });
    const [job] = await db.moves.settle([aSettlement(id, 2, { result: { rows: 1 }, progress, tick: 4 })]);
    expect(job).toMatchObject({
      status: 'completed',
      version: 3,
      result: { rows: 1 },
      progress,
      progressTick: 4,
    });
    expect(job?.finishedAt).not.toBeNull();
    expect(await reasonsOf(id)).toEqual(['submitted', 'claimed', 'completed']);
  });

  it('keeps the progress that was stored when the attempt has no newer', async () => {
    const id = await active();
    const progress = toProgress({ done: 1 });
    await db.leases.renew([{ id, tenant: 'acme', version: 2, progress, tick: 7 }]);
    const [job] = await db.moves.settle([aSettlement(id, 2)]);
    expect(job).toMatchObject({ progress, progressTick: 7 });
  });

  it('that gives the job back makes it due after its delay', async () => {
    const [now, later] = [await active(), await active()];
    const back = { status: 'queued', reason: 'retry' } as const;
    await db.moves.settle([aSettlement(now, 2, back), aSettlement(later, 2, { ...back, delayMs: 60_000 })]);
    expect((await db.raw(now)).stage).toBe('ready');
    expect((await db.raw(later)).stage).toBe('later');
    expect((await read(later)).runAt.getTime() - (await read(later)).updatedAt.getTime()).toBe(60_000);
  });

  it('changes nothing once the lease was lost, nor does any other write of that worker', async () => {
    const id = await active();
    await db.expireLease(id);
    expect(await other.moves.expireLeases()).toEqual([
      expect.objectContaining({ id, status: 'queued', version: 3 }),
    ]);
    await other.moves.claim([{ id, version: 3 }], ['test'], 'new');
    const before = await read(id);
    expect(await db.moves.settle([aSettlement(id, 2, { result: 'stale' })])).toEqual([null]);
    const ref = { id, tenant: 'acme', version: 2 };
    expect(await db.leases.renew([{ ...ref, progress: toProgress({ done: 1 }), tick: 1 }])).toEqual([]);
    expect(
      await db.logs.append([
        { ...ref, lines: [{ level: 'info', text: 'stale', at: new Date().toISOString() }] },
      ]),
    ).toEqual([null]);
    expect(await read(id)).toEqual(before);
    expect(await db.logs.read(id, EVERYTHING, 0, 10)).toEqual([]);
    expect(await reasonsOf(id)).toEqual(['submitted', 'claimed', 'lease_lost', 'claimed']);
  });

  it('is answered at its own index when one batch has a stale and a true one of the same job', async () => {
    const id = await active();
    await db.expireLease(id);
    await db.moves.expireLeases();
    await db.moves.claim([{ id, version: 3 }], ['test'], 'w');
    const answers = await db.moves.settle([
      aSettlement(id, 2, { result: 'stale' }),
      aSettlement(id, 4, { result: 'true' }),
    ]);
    expect(answers.map((job) => job?.result ?? null)).toEqual([null, 'true']);
  });

  it('is one of many that race', async () => {
    const id = await active();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        (n % 2 ? db : other).moves.settle([aSettlement(id, 2, { result: n })]),
      ),
    );
    expect(answers.flat().filter((job) => job !== null)).toHaveLength(1);
    expect(await reasonsOf(id)).toEqual(['submitted', 'claimed', 'completed']);
  });

  it('that would queue the job again cancels it instead when a cancel was asked for meanwhile', async () => {
    const id = await active();
    expect(await db.leases.requestCancel(id, EVERYTHING)).toMatchObject({ status: 'active' });
    const error = { code: 'handler_error', message: 'no' };
    const [job] = await db.moves.settle([aSettlement(id, 2, { status: 'queued', reason: 'retry', error })]);
    expect(job).toMatchObject({ status: 'cancelled', version: 3, error: null });
    expect(await reasonsOf(id)).toEqual(['submitted', 'claimed', 'cancelled']);
  });
});
