import { Inject, Injectable } from '@nestjs/common';
import type { Job, JobChange } from '../job/job.ts';
import { JOBS_OPTIONS, type ResolvedOptions } from '../jobs.options.ts';
import { decodeFrame, type TickFrame } from '../publish/frame.ts';
import { type Keys, redisKeys } from '../redis/keys.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { Batcher } from '../store/batcher.ts';
import { JobStore } from '../store/job-store.ts';

/** Reads for all streams of the process together: one statement for everything that is asked at once. */
@Injectable()
export class JobReader {
  readonly #keys: Keys;
  readonly #jobs = new Batcher<string, Job | null>((ids) => this.#findAll(ids));
  readonly #changes = new Batcher<{ id: string; after: number }, JobChange[]>((refs) =>
    this.store.changesAfter(refs),
  );
  readonly #frames = new Batcher<string, TickFrame | null>((ids) => this.#lastFrames(ids));

  constructor(
    @Inject(JobStore) private readonly store: JobStore,
    @Inject(RedisConnections) private readonly redis: RedisConnections,
    @Inject(JOBS_OPTIONS) { prefix }: ResolvedOptions,
  ) {
    this.#keys = redisKeys(prefix);
  }

  job(id: string): Promise<Job | null> {
    return this.#jobs.add(id);
  }

  /** The changes after a version, oldest first. */
  changesAfter(id: string, after: number): Promise<JobChange[]> {
    return this.#changes.add({ id, after });
  }

  /** The newest progress frame that Redis has; null also when Redis cannot be asked. */
  lastFrame(id: string): Promise<TickFrame | null> {
    return this.#frames.add(id);
  }

  async #findAll(ids: string[]): Promise<(Job | null)[]> {
    const jobs = new Map((await this.store.find([...new Set(ids)])).map((job) => [job.id, job]));
    return ids.map((id) => jobs.get(id) ?? null);
  }

  async #lastFrames(ids: string[]): Promise<(TickFrame | null)[]> {
    if (this.redis.command.status !== 'ready') return ids.map(() => null);
    const texts = await this.redis.command.mget(ids.map((id) => this.#keys.lastFrame(id))).catch(() => []);
    return ids.map((_id, index) => decodeFrame(texts[index] ?? ''));
  }
}
