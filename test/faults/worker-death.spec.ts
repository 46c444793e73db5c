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
afterEach(() => lab.close());

/** Waits until the handler has begun this attempt: a frozen worker may swallow offers for a while. */
async function untilStarted(jobId: string, attempt = 1): Promise<void> {
  await eventually(async () => expect(await lab.ledger.effects(jobId)).toContain(`${attempt} start`), {
    timeoutMs: 60_000,
  });
}

/** Promises kept so far; what ended must have ended once, everywhere. */
async function expectNoProblems(): Promise<void> {
  expect(await lab.problems()).toEqual([]);
}

describe('a worker that dies', () => {
  it('is killed in the middle of its jobs, and another one runs them', async () => {
    const api = await lab.api();
    const victim = await lab.worker();
    const ids = await lab.submitMany(api.url, 20, { steps: 20, stepMs: 50 });
    const [first = ''] = ids;
    const viewer = lab.watch(first, () => api.url);
    await untilStarted(first);
    await victim.kill();
    await lab.worker();
    await lab.quiet(20_000);
    await viewer.untilEnded(5_000);
    await expectNoProblems();
    expect(await lab.ledger.reasons(first)).toEqual([
      'submitted',
      'claimed',
      'lease_lost',
      'claimed',
      'completed',
    ]);
  });

  it('is frozen past its lease, and changes nothing when it wakes up', async () => {
    const api = await lab.api();
    const zombie = await lab.worker();
    const id = await lab.submit(api.url, { steps: 60, stepMs: 50, ignoreAbort: true });
    const viewer = lab.watch(id, () => api.url);
    await untilStarted(id);
    zombie.freeze();
    await lab.worker();
    await untilStarted(id, 2);
    zombie.thaw();
    await lab.quiet(20_000);
    await eventually(() => expect(zombie.output).toContain('its outcome was dropped'), { timeoutMs: 10_000 });
    await viewer.untilEnded(5_000);
    await expectNoProblems();
    expect(await lab.ledger.reasons(id)).toEqual([
      'submitted',
      'claimed',
      'lease_lost',
      'claimed',
      'completed',
    ]);
    expect((await lab.job(api.url, id)).result).toEqual({ attempt: 2 });
    const takenAway = viewer.frames.findIndex(({ data }) => data?.reason === 'lease_lost');
    const later = viewer.frames.slice(takenAway).filter(({ event }) => event === 'progress');
    expect(takenAway).toBeGreaterThan(0);
    expect(later.length).toBeGreaterThan(0);
    expect(later.filter(({ data }) => data?.attempt !== 2)).toEqual([]);
  });
});

describe('a worker that is asked to stop', () => {
  it('finishes what fits in its grace, gives back the rest, and another one runs that', async () => {
    const api = await lab.api();
    const leaving = await lab.worker({ SHUTDOWN_GRACE_MS: '1500' });
    const short = await lab.submit(api.url, { steps: 10, stepMs: 100 });
    const long = await lab.submit(api.url, { steps: 50, stepMs: 100 });
    const viewer = lab.watch(long, () => api.url);
    await untilStarted(short);
    await untilStarted(long);
    const asked = Date.now();
    const exit = leaving.terminate();
    await lab.worker();
    expect(['SIGTERM', 0]).toContain(await exit);
    expect(Date.now() - asked).toBeLessThan(1_500 + 3_000);
    await lab.quiet(15_000);
    await viewer.untilEnded(5_000);
    await expectNoProblems();
    expect(await lab.ledger.reasons(short)).toEqual(['submitted', 'claimed', 'completed']);
    expect(await lab.ledger.reasons(long)).toEqual([
      'submitted',
      'claimed',
      'shutdown',
      'claimed',
      'completed',
    ]);
  });

  it('does not hold up what it has fetched and not begun', async () => {
    const api = await lab.api();
    const leaving = await lab.worker();
    await lab.worker();
    await lab.submitMany(api.url, 400, { steps: 1, stepMs: 20 });
    await leaving.terminate();
    await lab.quiet(15_000);
    await expectNoProblems();
  });
});
