import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { Lab, Servers } from './lab/lab.ts';
import type { ConnectionKind } from './lab/redis.ts';

let servers: Servers;
let lab: Lab;
let url: string;

beforeAll(async () => {
  servers = await Servers.start();
});
afterAll(() => servers.stop());
beforeEach(async () => {
  lab = await Lab.open(servers);
  const [api] = await Promise.all([lab.api(), lab.worker(), lab.worker()]);
  url = api.url;
});
afterEach(async () => {
  await lab.close();
  await servers.mend();
});

/** A load that keeps two workers busy for some seconds, with viewers of the first and the last of it. */
async function submitLoad(): Promise<void> {
  const ids = await lab.submitMany(url, 200, { steps: 5, stepMs: 40 });
  for (const id of [ids[0], ids[100], ids[199]]) lab.watch(id ?? '', () => url);
}

async function untilSomeHaveEnded(count: number): Promise<void> {
  await eventually(async () => expect(await lab.ledger.unfinished()).toBeLessThanOrEqual(200 - count), {
    timeoutMs: 20_000,
  });
}

async function expectAllKept(withinMs: number): Promise<void> {
  await lab.quiet(withinMs);
  await Promise.all(lab.viewers.map((viewer) => viewer.untilEnded(5_000)));
  expect(await lab.problems()).toEqual([]);
}

/**
 * All of a kind, once there are so many: those that the last kill closed may still be on their way back. None before, or
 * the first that waits again would be closed over and over, and never found beside the others.
 */
async function killSome(kind: ConnectionKind, count = 1): Promise<void> {
  await eventually(
    async () => expect(await servers.redis.killConnections(kind, count)).toBeGreaterThanOrEqual(count),
    { timeoutMs: 10_000 },
  );
}

/** The workers wait in a blocking read again; a job that is submitted now starts at once. */
async function expectPrompt(): Promise<void> {
  const id = await lab.submit(url, { steps: 1, stepMs: 10 });
  await eventually(async () => expect((await lab.job(url, id)).status).toBe('completed'), {
    timeoutMs: 3_000,
  });
}

describe('while jobs run, Redis', () => {
  it('is emptied, and every job still ends once', async () => {
    await submitLoad();
    await untilSomeHaveEnded(50);
    await servers.redis.command((redis) => redis.flushall());
    await expectAllKept(15_000);
    await expectPrompt();
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'is restarted by %s, and every job still ends once',
    async (signal) => {
      await submitLoad();
      await untilSomeHaveEnded(50);
      await servers.redis.stop(signal);
      await servers.redis.start();
      await expectAllKept(20_000);
      await expectPrompt();
    },
  );

  it('is away for 20 s, while jobs are accepted in their usual time, and runs them when it is back', async () => {
    await submitLoad();
    await untilSomeHaveEnded(20);
    await servers.redis.stop('SIGKILL');
    const back = Date.now() + 20_000;
    const took: number[] = [];
    while (Date.now() < back) {
      const started = performance.now();
      await lab.submit(url, { steps: 1, stepMs: 10 });
      took.push(performance.now() - started);
      await delay(100);
    }
    await servers.redis.start();
    took.sort((a, b) => a - b);
    expect(took[Math.floor(took.length / 2)]).toBeLessThan(50);
    expect(took.at(-1)).toBeLessThan(1_000);
    await expectAllKept(15_000);
    await expectPrompt();
  });

  it('stops answering for 7 s without closing a connection, and every job still ends once', async () => {
    await submitLoad();
    await untilSomeHaveEnded(50);
    servers.redis.freeze();
    await delay(7_000);
    servers.redis.thaw();
    // What Redis handed out into the void comes back when Bull's locks on it have run out.
    await expectAllKept(30_000);
    await expectPrompt();
  });

  it('closes connections of every kind again and again, and every job still ends once', async () => {
    await submitLoad();
    for (const count of [30, 60, 90, 120]) {
      await untilSomeHaveEnded(count);
      await killSome('normal');
      await killSome('pubsub');
      await servers.redis.killConnections('blocked');
    }
    await expectAllKept(30_000);
    await expectPrompt();
  });

  it('closes the blocking connections of idle workers, which then wait again', async () => {
    await killSome('blocked', 2);
    await expectPrompt();
    await expectAllKept(5_000);
  });
});
