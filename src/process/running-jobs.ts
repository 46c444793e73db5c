import { Injectable } from '@nestjs/common';
import { ResolvedOptions } from '../jobs.options.ts';
import { redisKeys } from '../redis/keys.ts';
import { Subscriptions } from '../redis/subscriptions.ts';
import { Loop } from '../runtime/loop.ts';
import { Outage } from '../runtime/outage.ts';
import { JobLeases, type Lease } from '../store/job-leases.ts';
import type { RunningJob } from './running-job.ts';

/** How often one statement stores the progress of all jobs and renews leases that are due. */
const HEARTBEAT_MS = 1_000;
/** While a renewal hangs, expired leases are looked for this often: the longest that a handler outlives its lease. */
const CLOCK_MS = 250;
const CONTEXT = 'Jobstream worker';

/** The jobs that run in this process: renews their leases, stores their progress, and passes on cancel requests. */
@Injectable()
export class RunningJobs {
  readonly #outage = new Outage(CONTEXT, 'Leases are renewed again');
  readonly #jobs = new Map<number, RunningJob>();
  #next = 0;
  readonly #beats: Loop;
  /** Runs during a renewal, which may hang for longer than a lease. */
  readonly #clock: Loop;
  #stopListening: (() => void) | null = null;

  constructor(
    private readonly leases: JobLeases,
    private readonly subscriptions: Subscriptions,
    private readonly options: ResolvedOptions,
  ) {
    const { leaseMs } = options;
    const failed = 'Renewing leases failed';
    const everyMs = Math.min(HEARTBEAT_MS, leaseMs / 4);
    this.#beats = new Loop(() => this.#beat(), { everyMs, outage: this.#outage, failed });
    this.#clock = new Loop(() => this.#abortExpired(), {
      everyMs: Math.min(CLOCK_MS, leaseMs / 10),
      outage: new Outage(CONTEXT, 'Leases are watched again'),
      failed: 'Watching leases failed',
    });
  }

  start(): void {
    this.#beats.start();
    this.#stopListening = this.subscriptions.listen(redisKeys(this.options.prefix).cancelChannel, {
      onMessage: (jobId) => this.#cancel(jobId),
      // A missed request is found with the next renewal.
      onSubscribed: () => this.#renewAllSoon(),
    });
  }

  async stop(): Promise<void> {
    this.#stopListening?.();
    await this.#beats.stop();
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Adds a job. Returns a function that removes it. */
  add(job: RunningJob): () => void {
    const key = this.#next++;
    this.#jobs.set(key, job);
    return () => this.#jobs.delete(key);
  }

  abortAll(reason: 'shutdown'): void {
    for (const job of this.#jobs.values()) job.abort(reason);
  }

  #cancel(jobId: string): void {
    for (const job of this.#jobs.values()) if (job.id === jobId) job.abort('cancelled');
  }

  #renewAllSoon(): void {
    for (const job of this.#jobs.values()) job.renewSoon = true;
  }

  /** Renews what is due. Returns false when nothing was. */
  async #beat(): Promise<boolean> {
    const now = performance.now();
    const due = [...this.#jobs.values()].filter(
      (job) => job.hasUnsaved || job.renewSoon || now - job.renewedAt >= this.options.leaseMs / 3,
    );
    if (due.length === 0) return false;
    const held = await this.#renew(due);
    this.#apply(
      due,
      new Map(held.map((lease) => [`${lease.id} ${lease.version}`, lease.cancelRequested])),
      now,
    );
    return true;
  }

  /** Renews leases and stores progress. After a failure, the progress is put back for the next renewal. */
  async #renew(due: RunningJob[]): Promise<Lease[]> {
    const taken = due.map((job) => ({ job, unsaved: job.takeUnsaved() }));
    for (const job of due) job.renewSoon = false;
    this.#clock.start();
    try {
      return await this.leases.renew(
        taken.map(({ job, unsaved }) => ({
          ...job.ref,
          progress: unsaved?.progress ?? null,
          tick: unsaved?.tick ?? 0,
        })),
      );
    } catch (error) {
      for (const { job, unsaved } of taken) {
        job.renewSoon = true;
        if (unsaved) job.putBack(unsaved);
      }
      this.#abortExpired();
      throw error;
    } finally {
      await this.#clock.stop();
    }
  }

  #apply(jobs: RunningJob[], held: Map<string, boolean>, now: number): void {
    for (const job of jobs) {
      const cancelRequested = held.get(`${job.id} ${job.version}`);
      if (cancelRequested === undefined) job.abort('lease_lost');
      else job.renewedAt = now;
      if (cancelRequested) job.abort('cancelled');
    }
  }

  /**
   * Aborts jobs whose lease has expired here. While Postgres does not answer, another worker may have taken them over.
   */
  #abortExpired(): void {
    const now = performance.now();
    for (const job of this.#jobs.values())
      if (now - job.renewedAt > this.options.leaseMs) job.abort('lease_lost');
  }
}
