import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { isFinal, type Job, type JobStatus, TRANSITIONS } from '../../src/job/job.ts';
import { toProgress } from '../../src/job/progress.ts';
import { EVERYTHING } from '../../src/job/visibility.ts';
import type { AttemptRef, JobRef } from '../../src/store/job-columns.ts';
import { aNewJob } from '../support/jobs.ts';
import { aSettlement, TestStore } from '../support/store.ts';

let processes: TestStore[];
let db: TestStore;
beforeAll(async () => {
  db = await TestStore.open();
  processes = [db, await db.beside(), await db.beside()];
});
afterAll(async () => {
  for (const process of processes.toReversed()) await process.close();
});

/** Repeats a run that failed: SEED=… npm test -- state-machine. */
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const JOBS = 3;
const KINDS = [
  'claim',
  'claim',
  'settle',
  'settle',
  'progress',
  'expire',
  'sweep',
  'cancel',
  'ask',
  'retry',
] as const;
const ENDINGS = ['completed', 'failed', 'queued', 'cancelled'] as const;

interface Action {
  kind: (typeof KINDS)[number];
  job: number;
  ending: (typeof ENDINGS)[number];
  /** Acts on what the actor remembers instead of what is. */
  stale: boolean;
}

const scripts: fc.Arbitrary<Action[][]> = fc.array(
  fc.array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      job: fc.nat(JOBS - 1),
      ending: fc.constantFrom(...ENDINGS),
      stale: fc.boolean(),
    }),
    { minLength: 5, maxLength: 25 },
  ),
  { minLength: 2, maxLength: 5 },
);

/** One of those who change jobs at the same time: workers, sweepers, people. */
class Actor {
  /** What the actor was told that it has changed. */
  readonly moved: Job[] = [];
  readonly #held = new Map<string, AttemptRef>();

  constructor(
    private readonly process: TestStore,
    private readonly ids: string[],
  ) {}

  async play(script: Action[]): Promise<void> {
    for (const action of script) this.moved.push(...(await this.#act(action)).filter((job) => job !== null));
  }

  async #act({ kind, job, ending, stale }: Action): Promise<(Job | null)[]> {
    const id = this.ids[job] ?? '';
    const { moves, leases } = this.process;
    switch (kind) {
      case 'claim':
        return this.#claim(stale ? [...this.#held.values()] : await this.#refs());
      case 'settle':
        return moves.settle([...this.#held.values()].map((ref) => settlement(ref, ending)));
      case 'progress':
        await leases.renew(
          [...this.#held.values()].map((ref) => ({
            ...ref,
            progress: toProgress({ done: job }),
            tick: job + 1,
          })),
        );
        return [];
      case 'expire':
        await this.process.expireLease(id);
        return [];
      case 'sweep':
        return moves.expireLeases();
      case 'cancel':
        return [await moves.cancelQueued(id, EVERYTHING)];
      case 'ask':
        await leases.requestCancel(id, EVERYTHING);
        return [];
      case 'retry':
        return [await moves.retry(id, EVERYTHING)];
    }
  }

  async #claim(refs: JobRef[]): Promise<(Job | null)[]> {
    const claimed = await this.process.moves.claim(refs, ['test'], 'w');
    for (const job of claimed)
      if (job) this.#held.set(job.id, { id: job.id, tenant: job.tenant, version: job.version });
    return claimed;
  }

  async #refs(): Promise<JobRef[]> {
    const jobs = await Promise.all(this.ids.map((id) => this.process.read(id)));
    return jobs.map(({ id, version }) => ({ id, version }));
  }
}

function settlement(ref: JobRef, ending: Action['ending']) {
  return aSettlement(ref.id, ref.version, {
    status: ending,
    reason: ending === 'queued' ? 'retry' : ending,
    error: ending === 'failed' ? { code: 'x', message: 'y' } : null,
  });
}

async function run(script: Action[][]): Promise<{ ids: string[]; moved: Job[] }> {
  const jobs = Array.from({ length: JOBS }, () => aNewJob({ maxAttempts: 2 }));
  await db.store.insert(jobs);
  const ids = jobs.map(({ id }) => id);
  const actors = script.map((_actions, n) => new Actor(processes[n % processes.length] ?? db, ids));
  await Promise.all(actors.map((actor, n) => actor.play(script[n] ?? [])));
  return { ids, moved: actors.flatMap((actor) => actor.moved) };
}

/** Checks a job against its history; `moves` is what its movers were told. */
async function check(job: Job, moves: Job[]): Promise<void> {
  const history = await db.history(job.id);
  const statuses = history.map(({ status }) => status);
  expect(history.map(({ version }) => version)).toEqual(history.map((_change, index) => index + 1));
  expect(history.at(-1)).toMatchObject({ version: job.version, status: job.status, attempt: job.attempt });
  expect(job.attempt).toBe(statuses.filter((status) => status === 'active').length);
  for (const [index, status] of statuses.slice(1).entries()) {
    const before: JobStatus = statuses[index] ?? 'queued';
    expect(TRANSITIONS[before]).toContain(status);
    if (isFinal(before)) expect(history[index + 1]?.reason).toBe('retried_by_hand');
  }
  const told = moves.filter(({ id }) => id === job.id).toSorted((a, b) => a.version - b.version);
  expect(told.map(({ version, status }) => [version, status])).toEqual(
    history.slice(1).map(({ version, status }) => [version, status]),
  );
}

describe('the states of a job', () => {
  it('change one at a time with one history row each, whoever races for them', async () => {
    process.stdout.write(`state machine: seed ${SEED}\n`);
    await fc.assert(
      fc.asyncProperty(scripts, async (script) => {
        for (const store of processes) store.announced.length = 0;
        const { ids, moved } = await run(script);
        for (const id of ids) await check(await db.read(id), moved);
        const announced = processes.flatMap((store) =>
          store.announced.map(({ id, version }) => `${id} ${version}`),
        );
        expect(announced.toSorted()).toEqual(moved.map(({ id, version }) => `${id} ${version}`).toSorted());
      }),
      { seed: SEED, numRuns: 60, interruptAfterTimeLimit: 15_000, endOnFailure: true },
    );
  });
});
