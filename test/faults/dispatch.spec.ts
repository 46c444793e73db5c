import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import Bull from 'bull';
import { eventually } from '../support/eventually.ts';
import { Lab, Servers } from './lab/lab.ts';

let servers: Servers;
let lab: Lab;

beforeAll(async () => {
  servers = await Servers.start();
});
afterAll(() => servers.stop());
beforeEach(async () => {
  lab = await Lab.open(servers);
});
afterEach(async () => {
  await lab.close();
  await servers.mend();
});

/** Until the relay has taken so many rows, and noted that Bull has them. */
async function untilOffered(count: number): Promise<void> {
  await eventually(
    async () => {
      const offered = await lab.ledger.query(
        `SELECT 1 FROM jobs.job j WHERE j.stage = 'offered' AND j.offer_again_at > now() + interval '30 s'`,
      );
      expect(offered).toHaveLength(count);
    },
    { timeoutMs: 10_000 },
  );
}

/**
 * A job with which the relay hangs in its hand-over, which neither it nor this Redis will finish. A relay that was asking
 * Redis something else just when it froze takes nothing; then once more.
 */
async function submitUnderFrozenRedis(url: string): Promise<string> {
  return eventually(
    async () => {
      servers.redis.freeze();
      const id = await lab.submit(url);
      const stage = `SELECT 1 FROM jobs.job j WHERE j.id = '${id}' AND j.stage = 'offered'`;
      try {
        await eventually(async () => expect(await lab.ledger.query(stage)).toHaveLength(1), {
          timeoutMs: 3_000,
        });
      } catch (error) {
        servers.redis.thaw();
        throw error;
      }
      return id;
    },
    { timeoutMs: 30_000 },
  );
}

async function expectOneClaimEach(ids: string[]): Promise<void> {
  for (const id of ids) expect(await lab.ledger.reasons(id)).toEqual(['submitted', 'claimed', 'completed']);
}

describe('between commit and dispatch', () => {
  it('loses nothing when the API process is killed before it could hand over', async () => {
    const api = await lab.api();
    await servers.redis.stop('SIGTERM');
    const ids = await lab.submitMany(api.url, 50);
    await api.host.kill();
    await servers.redis.start();
    await lab.worker();
    await lab.quiet(10_000);
    expect(await lab.problems()).toEqual([]);
    await expectOneClaimEach(ids);
  });

  it('runs nothing twice when the relay dies between adding and marking, and Bull holds jobs twice', async () => {
    const api = await lab.api();
    const ids = await lab.submitMany(api.url, 50);
    await untilOffered(50);
    await api.host.kill();
    await lab.ledger.query(`UPDATE jobs.job SET stage = 'ready', offer_again_at = NULL`);
    const bull = new Bull('default', servers.redis.url, { prefix: lab.prefix });
    const twins = ids.map((id) => ({
      name: 'ledger.work',
      data: { id, version: 1 },
      opts: { jobId: `${id}-1-twin`, removeOnComplete: true },
    }));
    await bull.addBulk(twins);
    await bull.close();
    await Promise.all([lab.worker(), lab.worker()]);
    await lab.quiet(10_000);
    expect(await lab.problems()).toEqual([]);
    await expectOneClaimEach(ids);
  });

  it('offers again what the relay had taken and not added when it died', async () => {
    const api = await lab.api();
    const first = await submitUnderFrozenRedis(api.url);
    const ids = [first, ...(await lab.submitMany(api.url, 20))];
    await api.host.kill();
    await servers.redis.stop('SIGKILL');
    await servers.redis.start();
    await lab.worker();
    await lab.quiet(12_000);
    expect(await lab.problems()).toEqual([]);
    await expectOneClaimEach(ids);
  });
});

describe('a worker that starts', () => {
  it('while Redis is away works once Redis is back', async () => {
    const api = await lab.api();
    await servers.redis.stop('SIGTERM');
    await lab.submitMany(api.url, 10);
    const worker = lab.launch('worker');
    // Whether it waits for Redis or gives up is its own choice; if it gives up, it must say so by its exit.
    await Promise.race([worker.listening(), worker.exited]);
    await servers.redis.start();
    if (!worker.alive) await lab.worker();
    await lab.quiet(15_000);
    expect(await lab.problems()).toEqual([]);
  });

  it('without the handler of a type leaves its jobs to one that has it', async () => {
    const api = await lab.api();
    await lab.launch('worker', {}, 'service').listening();
    const ids = await lab.submitMany(api.url, 20);
    await untilFetched();
    await lab.worker();
    // Each job goes back and forth until the right one of two idle workers is the faster.
    await lab.quiet(30_000);
    expect(await lab.problems()).toEqual([]);
    await expectOneClaimEach(ids);
  });

  /** Until Bull has handed everything to the worker that cannot run it. */
  async function untilFetched(): Promise<void> {
    await eventually(
      async () => {
        const waiting = await servers.redis.command((redis) => redis.llen(`${lab.prefix}:default:wait`));
        expect(waiting).toBe(0);
      },
      { timeoutMs: 10_000 },
    );
  }
});
