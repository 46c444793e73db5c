import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobView } from '../../src/job/job.ts';
import { LATER } from '../support/app.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { FrameReader, type ReadFrame } from './lab/frame-reader.ts';
import { Lab, print, submit, tokenOf } from './lab/host.ts';
import { type Counted, rates, ServerCounters } from './lab/server-counters.ts';

const CALLS = 1_000_000;
const MAX_PUBLISHES = 5;
const MAX_STATEMENTS = 2;
/** How long the process is watched doing nothing: its own polling is not what progress costs. */
const IDLE_MS = 5_000;
/** Time for a viewer to come before the job begins. */
const AHEAD_MS = 500;

interface Run {
  /** The number of calls that each progress frame told a viewer. */
  seen: (number | null | undefined)[];
  /** The number of calls that the end told, and that the row holds. */
  end: number | null | undefined;
  row: number | null | undefined;
  /** How long the handler ran. */
  ms: number;
  /** From the first frame to one of the last tenth of the calls. */
  readings: Counted[];
}

describe(`${CALLS.toLocaleString('en')} calls of progress()`, () => {
  let lab: Lab;
  let service: ServiceProcess;
  let counters: ServerCounters;
  let token: string;
  let watcher: FrameReader;
  let idle: { publishes: number; statements: number };
  beforeAll(async () => {
    lab = await Lab.open();
    token = await tokenOf('alice');
    counters = await ServerCounters.open(lab.database, lab.redis.url);
    service = await lab.start();
    // Somebody watches then as well: what a viewer costs is not what progress costs either.
    const payload = { calls: 1, perTurn: 1, pauseMs: 0 };
    const waiting = await submit(service.url, 'load.count', payload, { runAt: LATER });
    await new Promise((opened) => (watcher = read(waiting, opened)));
    const before = await counters.read();
    await delay(IDLE_MS);
    idle = rates(before, await counters.read());
  });
  afterAll(async () => {
    watcher.leave();
    counters.close();
    await lab.close();
  });

  const read = (id: string, onFrame: (frame: ReadFrame) => void): FrameReader =>
    new FrameReader(`${service.url}/jobs/${id}/events`, { token, onFrame });

  async function run(payload: object): Promise<Run> {
    const runAt = new Date(Date.now() + AHEAD_MS).toISOString();
    const id = await submit(service.url, 'load.count', { calls: CALLS, ...payload }, { runAt });
    const seen: Run['seen'] = [];
    const readings: Promise<Counted>[] = [];
    const ends: JobView[] = [];
    const onFrame = ({ event, data }: ReadFrame): void => {
      if (event === 'end') ends.push((JSON.parse(data) as { job: JobView }).job);
      if (event !== 'progress') return;
      const { progress } = JSON.parse(data) as JobView;
      const late = (progress?.done ?? 0) > CALLS * 0.9;
      if (readings.length === 0 || (readings.length === 1 && late)) readings.push(counters.read());
      seen.push(progress?.done);
    };
    await read(id, onFrame).closed;
    const rows = await lab.database.dataSource.query<JobView[]>(
      'SELECT progress FROM jobs.job WHERE id = $1',
      [id],
    );
    const [end] = ends;
    const row = rows[0]?.progress?.done;
    const ms = Number((end?.result as { ms: number } | undefined)?.ms);
    return { seen, end: end?.progress?.done, row, ms, readings: await Promise.all(readings) };
  }

  it.each([
    ['in one step', false],
    ['in as many steps', true],
  ])('over some seconds, %s, cost at most 5 publishes and 2 statements a second', async (what, manySteps) => {
    const made = await run({ perTurn: 1_000, pauseMs: 5, manySteps });

    const rate = rates(...(made.readings as [Counted, Counted]));
    const publishes = rate.publishes - idle.publishes;
    const statements = rate.statements - idle.statements;
    print(
      `${CALLS} progress() calls in ${made.ms} ms ${what}: ${publishes.toFixed(2)} publishes/s, ` +
        `${statements.toFixed(2)} statements/s (idle ${idle.statements.toFixed(2)}), ${made.seen.length} frames`,
    );
    expect(publishes).toBeLessThanOrEqual(MAX_PUBLISHES);
    expect(statements).toBeLessThanOrEqual(MAX_STATEMENTS);
    expectExact(made);
  });

  it('in one loop without a pause cost hardly more than one call, and the last of them is exact', async () => {
    const [start, one] = [await counters.read(), await run({ calls: 1, perTurn: 1, pauseMs: 0 })];
    const [middle, all] = [await counters.read(), await run({ perTurn: CALLS, pauseMs: 0 })];
    const end = await counters.read();

    const [forOne, forAll] = [middle.publishes - start.publishes, end.publishes - middle.publishes];
    print(`${CALLS} progress() calls in a loop of ${all.ms} ms: ${forAll} publishes; one call: ${forOne}`);
    expect(one.row).toBe(1);
    expect(forAll - forOne).toBeLessThanOrEqual(MAX_PUBLISHES * Math.ceil(all.ms / 1_000));
    expectExact(all);
  });
});

function expectExact({ seen, end, row }: Run): void {
  expect({ seen: seen.at(-1), end, row }).toEqual({ seen: CALLS, end: CALLS, row: CALLS });
}
