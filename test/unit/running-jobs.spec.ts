import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { resolveOptions } from '../../src/jobs.options.ts';
import { RunningJob } from '../../src/process/running-job.ts';
import { RunningJobs } from '../../src/process/running-jobs.ts';
import type { Subscriptions } from '../../src/redis/subscriptions.ts';
import type { RunningUpdate } from '../../src/store/job-columns.ts';
import type { JobLeases, Lease } from '../../src/store/job-leases.ts';
import { aClaimedJob } from '../support/jobs.ts';

const LEASE_MS = 1_000;
const OPTIONS = resolveOptions({ redis: 'redis://unused', leaseMs: LEASE_MS });

describe('the jobs that a process runs', () => {
  let running: RunningJobs;
  let renewals: RunningUpdate[][];
  /** How the next renewals end; the others do well. */
  let answers: (() => Promise<Lease[]>)[];
  beforeEach(() => {
    jest.useFakeTimers();
    for (const level of ['error', 'log'] as const)
      jest.spyOn(Logger.prototype, level).mockImplementation(() => undefined);
    [renewals, answers] = [[], []];
    const renew = (updates: RunningUpdate[]): Promise<Lease[]> => {
      renewals.push(updates);
      const held = updates.map(({ id, version }) => ({ id, version, cancelRequested: false }));
      return answers.shift()?.() ?? Promise.resolve(held);
    };
    const subscriptions = { listen: () => () => undefined } as unknown as Subscriptions;
    running = new RunningJobs({ renew } as unknown as JobLeases, subscriptions, OPTIONS);
    running.start();
  });
  afterEach(async () => {
    await running.stop();
    expect(jest.getTimerCount()).toBe(0);
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  function run(): RunningJob {
    const job = new RunningJob(aClaimedJob(), {
      progressIntervalMs: 1,
      progressed: () => undefined,
      log: () => undefined,
    });
    running.add(job);
    return job;
  }

  const doneOf = (updates: RunningUpdate[] | undefined) => updates?.map(({ progress }) => progress?.done);

  it('store progress with the next renewal when Postgres did not take it', async () => {
    const job = run();
    answers.push(() => Promise.reject(new Error('refused')));
    job.progress({ done: 1 });

    await jest.advanceTimersByTimeAsync(LEASE_MS / 2);

    expect(renewals.slice(0, 2).map(doneOf)).toEqual([[1], [1]]);
  });

  it('store the newest progress when some was reported while Postgres refused the one before', async () => {
    const job = run();
    answers.push(() => {
      job.progress({ done: 2, step: 'next' });
      return Promise.reject(new Error('refused'));
    });
    job.progress({ done: 1 });

    await jest.advanceTimersByTimeAsync(LEASE_MS);

    expect(renewals.slice(0, 2).map(doneOf)).toEqual([[1], [2]]);
  });

  it('are told to stop when their lease is over, while its renewal hangs', async () => {
    const job = run();
    let giveUp = (): void => undefined;
    answers.push(() => new Promise((_held, refuse) => (giveUp = () => refuse(new Error('late')))));

    await jest.advanceTimersByTimeAsync(LEASE_MS - 1);
    expect(job.abortReason).toBeNull();
    await jest.advanceTimersByTimeAsync(LEASE_MS / 4);
    expect(job.abortReason).toBe('lease_lost');
    giveUp();
  });

  it('go on when a renewal that was late for their process was answered at once', async () => {
    const job = run();
    // What a process that was held up finds: its timers are late, and Postgres still has the lease.
    jest.setSystemTime(Date.now() + 10 * LEASE_MS);
    job.renewedAt = performance.now() - 2 * LEASE_MS;

    await jest.advanceTimersByTimeAsync(LEASE_MS / 2);

    expect([renewals.length > 0, job.abortReason]).toEqual([true, null]);
  });
});
