import { Injectable } from '@nestjs/common';
import { JobError } from '../job/job-errors.ts';
import type { Job } from '../job/job.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { JobStore } from '../store/job-store.ts';

/** How long a count is reused. Other processes may submit meanwhile. */
const GOOD_MS = 2_000;
/** A count that would refuse a submit is renewed after this already, so that free room is noticed soon. */
const REFUSING_MS = 250;
const RETRY_AFTER_SECONDS = 5;

export class TooManyQueuedJobs extends JobError {
  constructor(bound: number) {
    super(429, 'too_many_queued_jobs', `A tenant may have ${bound} jobs waiting at most.`, {
      retryAfter: RETRY_AFTER_SECONDS,
    });
  }
}

interface Count {
  /** Queued jobs at the time of the count, plus jobs that this process has admitted since or had under way then. */
  waiting: number;
  at: number;
}

/**
 * Limits the queued jobs of one tenant. Counting costs more than submitting, so counts are reused for a while. The
 * limit is exact within one process and approximate across processes.
 */
@Injectable()
export class QueueBound {
  readonly #counts = new Map<string, Count>();
  readonly #counting = new Map<string, Promise<void>>();
  /** Admitted jobs that may not be committed yet. */
  readonly #underWay = new Map<string, number>();

  constructor(
    private readonly store: JobStore,
    private readonly options: ResolvedOptions,
  ) {}

  /** Runs `queue` if all tenants have room for their jobs; otherwise throws `429 too_many_queued_jobs`. */
  async admit<T>(jobs: readonly Pick<Job, 'tenant'>[], queue: () => Promise<T>): Promise<T> {
    const bound = this.options.limits.queuedPerTenant;
    if (bound === 0) return queue();
    const asked = new Map<string, number>();
    for (const { tenant } of jobs) asked.set(tenant, (asked.get(tenant) ?? 0) + 1);
    await this.#take(asked, bound);
    try {
      return await queue();
    } finally {
      this.#enter(asked, -1);
    }
  }

  async #take(asked: ReadonlyMap<string, number>, bound: number): Promise<void> {
    for (const goodMs of [GOOD_MS, REFUSING_MS]) {
      await Promise.all([...asked.keys()].map((tenant) => this.#count(tenant, goodMs)));
      // No await between this check and `#enter()`: another submit could take the room in between.
      const full = [...asked].some(([tenant, number]) => this.#waiting(tenant) + number > bound);
      if (!full) return this.#enter(asked, 1);
    }
    throw new TooManyQueuedJobs(bound);
  }

  #waiting(tenant: string): number {
    return this.#counts.get(tenant)?.waiting ?? 0;
  }

  #enter(asked: ReadonlyMap<string, number>, direction: 1 | -1): void {
    for (const [tenant, number] of asked) {
      const underWay = (this.#underWay.get(tenant) ?? 0) + number * direction;
      if (underWay > 0) this.#underWay.set(tenant, underWay);
      else this.#underWay.delete(tenant);
      const count = this.#counts.get(tenant);
      if (count && direction === 1) count.waiting += number;
    }
  }

  /** Ensures a count of the tenant that is younger than `goodMs`. */
  async #count(tenant: string, goodMs: number): Promise<void> {
    const known = this.#counts.get(tenant);
    if (known && Date.now() - known.at < goodMs) return;
    const counting = this.#counting.get(tenant) ?? this.#startCounting(tenant);
    this.#counting.set(tenant, counting);
    await counting;
  }

  async #startCounting(tenant: string): Promise<void> {
    try {
      const { queuedPerTenant } = this.options.limits;
      const waiting = await this.store.countWaiting(tenant, queuedPerTenant);
      const count = { waiting: waiting + (this.#underWay.get(tenant) ?? 0), at: Date.now() };
      this.#forgetOld();
      // Append it, because the map is kept in order of age.
      this.#counts.delete(tenant);
      this.#counts.set(tenant, count);
    } finally {
      this.#counting.delete(tenant);
    }
  }

  #forgetOld(): void {
    const now = Date.now();
    for (const [tenant, { at }] of this.#counts) {
      if (now - at < GOOD_MS) return;
      this.#counts.delete(tenant);
    }
  }
}
