import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Sweeper } from '../../src/dispatch/sweeper.ts';
import { resolveOptions } from '../../src/jobs.options.ts';
import type { AuditTrail } from '../../src/store/audit-trail.ts';
import { inBatches } from '../../src/store/in-batches.ts';
import type { JobMoves } from '../../src/store/job-moves.ts';
import type { JobRetention } from '../../src/store/job-retention.ts';

const MINUTE_MS = 60_000;

describe('the sweeper', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('takes jobs from dead workers while a purge takes minutes, which it ends when it is stopped', async () => {
    let sweeps = 0;
    const begun: string[] = [];
    const untilStopped = (name: string, stop?: AbortSignal): Promise<number> => {
      begun.push(name);
      if (stop?.aborted) return Promise.resolve(0);
      return new Promise((resolve) => stop?.addEventListener('abort', () => resolve(0)));
    };
    const sweeper = new Sweeper(
      { expireLeases: async () => ((sweeps += 1), []) } as unknown as JobMoves,
      { purge: (_days: number, stop?: AbortSignal) => untilStopped('jobs', stop) } as JobRetention,
      { purge: (_days: number, stop?: AbortSignal) => untilStopped('audit', stop) } as AuditTrail,
      resolveOptions({ redis: 'redis://unused' }),
    );
    sweeper.start();

    await jest.advanceTimersByTimeAsync(3 * MINUTE_MS);

    expect(begun).toEqual(['jobs']);
    expect(sweeps).toBeGreaterThanOrEqual(170);
    await sweeper.stop();
    expect(begun).toEqual(['jobs', 'audit']);
  });
});

describe('a purge in batches', () => {
  const BATCH_MS = 40;

  it('ends after the batch during which it is stopped', async () => {
    const stop = new AbortController();
    let batches = 0;
    const batch = async (): Promise<number> => {
      batches += 1;
      if (batches === 3) stop.abort();
      return 10;
    };

    expect(await inBatches(10, batch, stop.signal)).toBe(30);
    expect(batches).toBe(3);
  });

  it('leaves half of the time to others', async () => {
    const sizes = [10, 10, 10, 9];
    const begun = performance.now();

    await inBatches(10, async () => {
      await delay(BATCH_MS);
      return sizes.shift() ?? 0;
    });

    // Four batches and three rests; timers may be a millisecond early.
    expect(performance.now() - begun).toBeGreaterThanOrEqual(7 * (BATCH_MS - 1));
  });
});
