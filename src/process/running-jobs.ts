import { Injectable } from '@nestjs/common';
import { FaultLog } from '../runtime/fault-log.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { redisKeys } from '../redis/keys.ts';
import { Subscriptions } from '../redis/subscriptions.ts';
import { JobLeases } from '../store/job-leases.ts';
import type { RunningJob } from './running-job.ts';

/** How often progress is stored, and leases that are due are renewed, at the least: one statement for all. */
const HEARTBEAT_MS = 1_000;

/** The jobs that this process runs: keeps their leases, stores their progress, and passes on cancels. */
@Injectable()
export class RunningJobs {
  readonly #faults = new FaultLog('Jobstream worker');
  readonly #jobs = new Map<number, RunningJob>();
  #next = 0;
  #timer: NodeJS.Timeout | null = null;
  #stopListening: (() => void) | null = null;
  #beating: Promise<void> | null = null;

  constructor(
    private readonly leases: JobLeases,
    private readonly subscriptions: Subscriptions,
    private readonly options: ResolvedOptions,
  ) {}

  start(): void {
    this.#timer = setInterval(
      () => {
        this.#beating ??= this.#beat().finally(() => (this.#beating = null));
      },
      Math.min(HEARTBEAT_MS, this.options.leaseMs / 4),
    );
    this.#stopListening = this.subscriptions.listen(redisKeys(this.options.prefix).cancelChannel, {
      onMessage: (jobId) => this.#cancel(jobId),
      // A request that was missed is read with the next renewal.
      onSubscribed: () => this.#renewAllSoon(),
    });
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#stopListening?.();
    await this.#beating;
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Looks after the job until the function that it returns is called. */
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

  async #beat(): Promise<void> {
    const now = performance.now();
    const due = [...this.#jobs.values()].filter(
      (job) => job.hasUnsaved || job.renewSoon || now - job.renewedAt >= this.options.leaseMs / 3,
    );
    if (due.length === 0) return;
    const updates = due.map((job) => {
      const unsaved = job.takeUnsaved();
      job.renewSoon = false;
      return { ...job.ref, progress: unsaved?.progress ?? null, tick: unsaved?.tick ?? 0 };
    });
    try {
      const held = await this.leases.renew(updates);
      this.#apply(
        due,
        new Map(held.map((lease) => [`${lease.id} ${lease.version}`, lease.cancelRequested])),
        now,
      );
    } catch (error) {
      this.#faults.report(`Renewing ${due.length} leases failed`, error);
      this.#abortExpired(due);
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

  /** Without Postgres nobody can tell who owns the job; past the lease another worker may. */
  #abortExpired(jobs: RunningJob[]): void {
    const now = performance.now();
    for (const job of jobs) if (now - job.renewedAt > this.options.leaseMs) job.abort('lease_lost');
  }
}
