import { Redis } from 'ioredis';
import { encodeFrame, encodeNudge } from '../../src/publish/frame.ts';
import { redisKeys } from '../../src/redis/keys.ts';
import type { TestDatabase } from './services.ts';

/**
 * A worker that the test plays: it changes rows and publishes as a worker in another process does, exactly
 * when and as much as the test says.
 */
export class PlayedWorker {
  readonly #redis: Redis;
  readonly #keys: ReturnType<typeof redisKeys>;

  constructor(
    private readonly database: TestDatabase,
    { url, prefix }: { url: string; prefix: string },
  ) {
    this.#redis = new Redis(url);
    this.#keys = redisKeys(prefix);
  }

  claim(id: string, version: number): Promise<void> {
    const set = `, attempt = attempt + 1, stage = NULL, worker = 'played', started_at = now(), progress = NULL,
      progress_tick = 0, lease_until = now() + interval '1 hour'`;
    return this.#move(id, version, 'active', set);
  }

  giveBack(id: string, version: number): Promise<void> {
    return this.#move(id, version, 'queued', `, stage = 'later', worker = NULL, lease_until = NULL`);
  }

  complete(id: string, version: number): Promise<void> {
    return this.#move(id, version, 'completed', `, worker = NULL, lease_until = NULL, finished_at = now()`);
  }

  /** Publishes progress as large as it may be: about 5 KB a frame. Resolves once Redis has it. */
  async report(id: string, version: number, tick: number): Promise<void> {
    const progress = {
      percent: null,
      done: tick,
      total: null,
      unit: null,
      step: null,
      message: 'm'.repeat(500),
      data: 'd'.repeat(4_000),
    };
    const data = JSON.stringify({ attempt: 1, progress, at: new Date().toISOString() });
    const message = encodeFrame({ cursor: { version, tick }, type: 'progress', data });
    await this.#redis
      .pipeline()
      .publish(this.#keys.jobChannel(id), message)
      .set(this.#keys.lastFrame(id), message, 'EX', 60)
      .exec();
  }

  close(): void {
    this.#redis.disconnect();
  }

  /** Changes the row and its history in one statement, and tells everybody. */
  async #move(id: string, version: number, status: string, set: string): Promise<void> {
    await this.database.dataSource.query(
      `WITH moved AS (
         UPDATE jobs.job SET status = $2, version = $3, updated_at = now(),
           change_xid = pg_current_xact_id() ${set}
         WHERE id = $1 RETURNING id, version, status, attempt
       )
       INSERT INTO jobs.job_change (job_id, version, status, attempt, reason, run_at)
       SELECT id, version, status, attempt, 'played', now() FROM moved`,
      [id, status, version],
    );
    await this.#redis.publish(this.#keys.jobChannel(id), encodeNudge(version));
  }
}
