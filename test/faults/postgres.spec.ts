import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
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

describe('while jobs run, Postgres', () => {
  it.each([
    ['is restarted', 'fast', 0],
    ['crashes and is away for longer than the leases', 'crash', 4_000],
  ] as const)('%s, and every job still ends once', async (_what, how, awayMs) => {
    const [{ url }] = await Promise.all([lab.api(), lab.worker(), lab.worker()]);
    const ids = await lab.submitMany(url, 200, { steps: 5, stepMs: 40 });
    const long = await lab.submit(url, { steps: 40, stepMs: 100 });
    for (const id of [ids[0], ids[199], long]) lab.watch(id ?? '', () => url);
    await eventually(async () => expect(await lab.ledger.unfinished()).toBeLessThan(150), {
      timeoutMs: 20_000,
    });
    await servers.postgres.stop(how);
    await delay(awayMs);
    await servers.postgres.start();
    await lab.quiet(20_000);
    await Promise.all(lab.viewers.map((viewer) => viewer.untilEnded(10_000)));
    expect(await lab.problems()).toEqual([]);
  });
});

describe('migrations', () => {
  it('are applied once when several processes start on an empty database at once', async () => {
    const hosts = Array.from({ length: 4 }, () => lab.launch('api,worker'));
    const [url = ''] = await Promise.all(hosts.map((host) => host.listening()));
    const applied = await lab.ledger.query<{ name: string; times: string }>(
      'SELECT name, count(*) AS times FROM jobs.migration GROUP BY name',
    );
    expect(applied.length).toBeGreaterThan(0);
    expect(applied.filter(({ times }) => times !== '1')).toEqual([]);
    await lab.submitMany(url, 20);
    await lab.quiet(10_000);
    expect(await lab.problems()).toEqual([]);
  });
});
