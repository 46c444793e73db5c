import { Injectable } from '@nestjs/common';
import { withDeadline } from '../runtime/deadline.ts';
import type { Job, JobChange, TenantJob } from '../job/job.ts';
import { decodeFrame, type TickFrame } from '../publish/frame.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { Batcher } from '../runtime/batcher.ts';
import { type ChangesRef, JobStore } from '../store/job-store.ts';
import { ReadFaults } from './read-faults.ts';

/** Short, because a hanging Redis must not delay data from Postgres. */
const LAST_FRAMES_MS = 500;

/** Reads for all streams of the process. Concurrent reads share one statement. */
@Injectable()
export class JobReader {
  readonly #jobs = new Batcher<TenantJob, Job | null>((jobs) => this.#findAll(jobs));
  readonly #changes = new Batcher<ChangesRef, JobChange[]>((refs) => this.store.changesAfter(refs));
  readonly #frames = new Batcher<string, TickFrame | null | undefined>((ids) => this.#lastFrames(ids));
  /** Whether an answer from Redis is overdue. Redis is not asked again until it arrives or fails. */
  #late = false;

  constructor(
    private readonly store: JobStore,
    private readonly redis: RedisConnections,
    private readonly faults: ReadFaults,
  ) {}

  /** The current job; null when the tenant has no job with this id. */
  job({ id, tenant }: TenantJob): Promise<Job | null> {
    return this.#jobs.add({ id, tenant });
  }

  /** The changes after a version, oldest first. */
  changesAfter({ id, tenant }: TenantJob, after: number): Promise<JobChange[]> {
    return this.#changes.add({ id, tenant, after });
  }

  /**
   * The newest progress frame in Redis, or null. Undefined when Redis does not answer soon; the backstop asks again.
   */
  lastFrame(id: string): Promise<TickFrame | null | undefined> {
    return this.#frames.add(id);
  }

  async #findAll(asked: TenantJob[]): Promise<(Job | null)[]> {
    const different = new Map(asked.map((job) => [keyOf(job), job]));
    const found = await this.store.find([...different.values()]);
    const jobs = new Map(found.map((job) => [keyOf(job), job]));
    return asked.map((job) => jobs.get(keyOf(job)) ?? null);
  }

  async #lastFrames(ids: string[]): Promise<(TickFrame | null | undefined)[]> {
    const texts = await this.#lastTexts(ids.map((id) => this.redis.keys.lastFrame(id)));
    return ids.map((id, index) => texts && this.#decoded(id, texts[index] ?? null));
  }

  #decoded(id: string, text: string | null): TickFrame | null {
    return text === null ? null : this.faults.checked(`job ${id}`, decodeFrame(text));
  }

  async #lastTexts(keys: string[]): Promise<(string | null)[] | undefined> {
    if (this.redis.command.status !== 'ready' || this.#late) return undefined;
    const answer = this.redis.command.mget(keys);
    try {
      return await withDeadline(answer, LAST_FRAMES_MS, 'late');
    } catch {
      // Whether refused, lost or late: the content of Redis is unknown.
      this.#late = true;
      const paid = (): boolean => (this.#late = false);
      void answer.then(paid, paid);
      return undefined;
    }
  }
}

function keyOf({ id, tenant }: TenantJob): string {
  return `${id} ${tenant}`;
}
