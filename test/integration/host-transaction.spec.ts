import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import {
  IdempotencyMismatch,
  InvalidInput,
  JobNotFound,
  type Submission,
  UnknownJobType,
} from '../../src/index.ts';
import { Events } from '../../src/events/events.ts';
import { loggedUnder } from '../support/collected-log.ts';
import { eventually } from '../support/eventually.ts';
import { handler, TestModule } from '../support/module.ts';

let host: TestModule;
const ran: string[] = [];
/** Jobs that were announced as new, in order: what hands them to Bull without waiting for its next look. */
const announced: string[] = [];

beforeAll(async () => {
  const schema = z.strictObject({ n: z.number().optional() });
  host = await TestModule.start({
    providers: [handler('test', (_payload, job) => void ran.push(job.id), { schema })],
  });
  host.get(Events).on('submitted', ({ jobs }) => announced.push(...jobs.map(({ job }) => job.id)));
});
beforeEach(() => {
  announced.length = 0;
});
afterAll(() => host.close());

const submit = (manager: EntityManager, options = {}): Promise<string> =>
  host.submit('test', {}, { manager, ...options });

async function exists(id: string): Promise<boolean> {
  return (await host.query('SELECT 1 FROM jobs.job WHERE id = $1', [id])).length === 1;
}

/** Work that does not happen. */
class Rollback extends Error {}

async function rolledBack(work: (manager: EntityManager) => Promise<void>): Promise<void> {
  const transaction = host.dataSource.transaction(async (manager) => {
    await work(manager);
    throw new Rollback();
  });
  await expect(transaction).rejects.toThrow(Rollback);
}

/** A commit is told of once it was seen to have made the jobs. */
async function untilAnnounced(ids: string[]): Promise<void> {
  await eventually(() => expect(announced).toEqual(ids));
}

/** Jobs of which the log of the audit says that they were submitted. */
function logged(): string[] {
  return loggedUnder('Jobstream audit').map(
    (line) => (JSON.parse(line) as { target: { id: string } }).target.id,
  );
}

/** Resolves when a job that is submitted now has run: by then an earlier one would have, too. */
async function laterJobRan(): Promise<void> {
  await host.untilStatus(await host.submit('test', {}), 'completed');
}

describe('a job that joins a transaction of the host', () => {
  it('is there and runs once that commits, and not before', async () => {
    let id = '';
    await host.dataSource.transaction(async (manager) => {
      id = await submit(manager);
      expect(await exists(id)).toBe(false);
      expect(announced).toEqual([]);
      await laterJobRan();
      expect(ran).not.toContain(id);
      announced.length = 0;
    });
    await untilAnnounced([id]);
    await host.untilStatus(id, 'completed');
    expect(ran.filter((each) => each === id)).toHaveLength(1);
  });

  it('never was, and never runs, when that rolls back', async () => {
    let id = '';
    await rolledBack(async (manager) => {
      id = await submit(manager);
    });
    expect(announced).toEqual([]);
    await laterJobRan();
    expect(await exists(id)).toBe(false);
    expect(ran).not.toContain(id);
    await expect(host.jobs.get(id)).rejects.toThrow(JobNotFound);
  });

  it('goes with its savepoint, and what is around that stays', async () => {
    let [outer, inner] = ['', ''];
    await host.dataSource.transaction(async (manager) => {
      outer = await submit(manager);
      const savepoint = manager.transaction(async (nested) => {
        inner = await submit(nested);
        throw new Rollback();
      });
      await expect(savepoint).rejects.toThrow(Rollback);
    });
    await untilAnnounced([outer]);
    await host.untilStatus(outer, 'completed');
    await laterJobRan();
    expect(await exists(inner)).toBe(false);
    expect(ran).not.toContain(inner);
  });

  it("is not told of when a savepoint of the host's own SQL takes it back, and what is around that is", async () => {
    let [before, inside, after] = ['', '', ''];
    await host.dataSource.transaction(async (manager) => {
      before = await submit(manager);
      await manager.query('SAVEPOINT own');
      inside = await submit(manager);
      await manager.query('ROLLBACK TO SAVEPOINT own');
      after = await submit(manager);
    });
    await untilAnnounced([before, after]);
    await laterJobRan();
    expect(await exists(inside)).toBe(false);
    expect(announced).not.toContain(inside);
    expect(logged()).toEqual(expect.arrayContaining([before, after]));
    expect(logged()).not.toContain(inside);
  });

  it('is told of only once there is one, when the host begins and ends its transaction in SQL', async () => {
    const runner = host.dataSource.createQueryRunner();
    try {
      await runner.query('BEGIN');
      const id = await submit(runner.manager);
      await runner.query('ROLLBACK');
      await laterJobRan();
      expect(announced).not.toContain(id);
      expect(logged()).not.toContain(id);
    } finally {
      await runner.release();
    }
  });

  it('waits for the outermost commit when its savepoint is released', async () => {
    let id = '';
    await host.dataSource.transaction(async (manager) => {
      await manager.transaction(async (nested) => {
        id = await submit(nested);
      });
      expect(announced).toEqual([]);
      expect(await exists(id)).toBe(false);
    });
    await untilAnnounced([id]);
    await host.untilStatus(id, 'completed');
  });

  it('never was when its savepoint was released but what is around that rolls back', async () => {
    let id = '';
    await rolledBack((manager) =>
      manager.transaction(async (nested) => {
        id = await submit(nested);
      }),
    );
    expect(announced).toEqual([]);
    expect(await exists(id)).toBe(false);
  });

  it('is announced once each, on a query runner that the host uses again after a rollback', async () => {
    const runner = host.dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
      await submit(runner.manager);
      await runner.rollbackTransaction();
      await runner.startTransaction();
      const ids = [await submit(runner.manager), await submit(runner.manager)];
      await runner.commitTransaction();
      await runner.startTransaction();
      await runner.commitTransaction();
      await eventually(() => expect(announced).toEqual(ids));
    } finally {
      await runner.release();
    }
  });

  it("sees the host's other writes and is seen by them", async () => {
    let id = '';
    await host.dataSource.transaction(async (manager) => {
      id = await submit(manager, { idempotencyKey: 'inside' });
      expect(await submit(manager, { idempotencyKey: 'inside' })).toBe(id);
      const rows: unknown[] = await manager.query('SELECT 1 FROM jobs.job WHERE id = $1', [id]);
      expect(rows).toHaveLength(1);
    });
    await untilAnnounced([id]);
  });

  it('is committed at once when the manager has no transaction under way', async () => {
    const id = await submit(host.dataSource.manager);
    await eventually(() => expect(announced).toEqual([id]));
    await host.untilStatus(id, 'completed');
  });

  it('spoils nothing when it is refused', async () => {
    let id = '';
    await host.dataSource.transaction(async (manager) => {
      await expect(submit(manager, { priority: 10 })).rejects.toThrow(InvalidInput);
      id = await submit(manager);
    });
    await untilAnnounced([id]);
    await host.untilStatus(id, 'completed');
  });
});

describe('many jobs at once', () => {
  const tenant = 'acme';

  it('are answered in order, and run', async () => {
    const submissions = Array.from({ length: 30 }, (_, n) => ({
      type: 'test',
      payload: { n },
      tenant,
      tags: [`n${n}`],
    }));
    const submitted = await host.jobs.submitMany(submissions);
    expect(submitted.map(({ job }) => job.tags)).toEqual(submissions.map(({ tags }) => tags));
    expect(announced.toSorted()).toEqual(submitted.map(({ job }) => job.id).toSorted());
    for (const { job } of submitted) await host.untilStatus(job.id, 'completed');
  });

  it('are all refused when one is', async () => {
    const good = { type: 'test', payload: {}, tenant: 'nobody' };
    const refusals: [Submission, typeof InvalidInput | typeof UnknownJobType][] = [
      [{ ...good, payload: { n: 'x' } }, InvalidInput],
      [{ ...good, type: 'other' }, UnknownJobType],
      [{ ...good, tags: ['x'.repeat(65)] }, InvalidInput],
    ];
    for (const [bad, error] of refusals)
      await expect(host.jobs.submitMany([good, bad])).rejects.toThrow(error);
    expect(await host.query(`SELECT 1 FROM jobs.job WHERE tenant = 'nobody'`)).toEqual([]);
  });

  it('join a transaction together', async () => {
    let ids: string[] = [];
    const submissions = [1, 2, 3].map((n) => ({ type: 'test', payload: { n }, tenant }));
    await rolledBack(async (manager) => {
      ids = (await host.jobs.submitMany(submissions, { manager })).map(({ job }) => job.id);
    });
    expect(await Promise.all(ids.map(exists))).toEqual([false, false, false]);
    expect(announced).toEqual([]);
  });

  it('with one key are one job, unless their payloads or owners differ', async () => {
    const one = { type: 'test', payload: { n: 1 }, tenant, owner: 'alice', idempotencyKey: 'many' };
    const [first, second] = await host.jobs.submitMany([one, one]);
    expect(second).toMatchObject({ replayed: true, job: { id: first?.job.id } });
    await expect(host.jobs.submitMany([{ ...one, payload: { n: 2 } }])).rejects.toThrow(IdempotencyMismatch);
    await expect(host.jobs.submitMany([{ ...one, owner: 'bob' }])).rejects.toThrow(IdempotencyMismatch);
  });

  it('may be none', async () => {
    expect(await host.jobs.submitMany([])).toEqual([]);
  });
});
