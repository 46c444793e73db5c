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

/** Waits until the handler has begun this attempt. */
async function untilStarted(jobId: string, attempt = 1): Promise<void> {
  await eventually(async () => expect(await lab.ledger.effects(jobId)).toContain(`${attempt} start`), {
    timeoutMs: 10_000,
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
    expect(await lab.ledger.reasons(first)).toEqual(['submitted', 'claimed', 'lease_lost', 'claimed', 'completed']);
  });
});
