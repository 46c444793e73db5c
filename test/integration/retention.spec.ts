import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EVERYTHING } from '../../src/job/visibility.ts';
import { aNewJob } from '../support/jobs.ts';
import { aSettlement, TestStore } from '../support/store.ts';

let db: TestStore;
beforeAll(async () => {
  db = await TestStore.open();
});
afterAll(() => db.close());

/** Final jobs with a log line each, that ended this many days ago. */
async function finalJobs(count: number, daysAgo: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => aNewJob());
  await db.store.insert(jobs);
  const ids = jobs.map(({ id }) => id);
  await db.moves.claim(
    ids.map((id) => ({ id, version: 1 })),
    ['test'],
    'w',
  );
  const lines = [{ level: 'info', text: 'x', at: new Date().toISOString() }] as const;
  await db.logs.append(ids.map((id) => ({ id, tenant: 'acme', version: 2, lines: [...lines] })));
  await db.moves.settle(ids.map((id) => aSettlement(id, 2)));
  await db.query(`UPDATE jobs.job SET finished_at = now() - $1 * interval '1 day' WHERE id = ANY($2)`, [
    daysAgo,
    ids,
  ]);
  return ids;
}

/** How many rows of each table are about these jobs: jobs, changes, log lines. */
async function rowsOf(ids: string[]): Promise<number[]> {
  const counts = ['job WHERE id', 'job_change WHERE job_id', 'job_log WHERE job_id'].map((table) =>
    db.query<{ count: number }>(`SELECT count(*)::int AS count FROM jobs.${table} = ANY($1)`, [ids]),
  );
  return (await Promise.all(counts)).map(([row]) => row?.count ?? -1);
}

describe('retention', () => {
  it('removes what ended long enough ago, with history and log, and nothing else', async () => {
    const old = await finalJobs(5, 31);
    const young = await finalJobs(5, 29);
    const retried = await finalJobs(1, 31);
    const waiting = aNewJob({ runAt: new Date(0) });
    await db.store.insert([waiting]);
    await db.query(`UPDATE jobs.job SET status = 'failed' WHERE id = ANY($1)`, [retried]);
    await db.moves.retry(retried[0] ?? '', EVERYTHING);

    expect(await db.retention.purge(30)).toBe(5);
    expect(await rowsOf(old)).toEqual([0, 0, 0]);
    expect(await rowsOf(young)).toEqual([5, 15, 5]);
    expect(await rowsOf(retried)).toEqual([1, 4, 1]);
    expect(await rowsOf([waiting.id])).toEqual([1, 1, 0]);
    expect(await db.retention.purge(30)).toBe(0);
  });

  it('goes on in batches until nothing is left', async () => {
    const ids = await finalJobs(2_300, 40);
    expect(await db.retention.purge(30)).toBe(2_300);
    expect(await rowsOf(ids)).toEqual([0, 0, 0]);
  });

  it('is done once by processes that purge at the same time', async () => {
    const ids = await finalJobs(1_500, 40);
    const other = await db.beside();
    try {
      const purged = await Promise.all([db.retention.purge(30), other.retention.purge(30)]);
      expect(purged.reduce((sum, count) => sum + count, 0)).toBe(1_500);
      expect(await rowsOf(ids)).toEqual([0, 0, 0]);
    } finally {
      await other.close();
    }
  });

  it('counts days that are not whole', async () => {
    const [id] = await finalJobs(1, 0.5);
    await db.retention.purge(0.6);
    expect(await rowsOf([id ?? ''])).toEqual([1, 3, 1]);
    await db.retention.purge(0.4);
    expect(await rowsOf([id ?? ''])).toEqual([0, 0, 0]);
  });
});
