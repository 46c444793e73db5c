import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Caller } from '../access/caller.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { Outage } from '../runtime/outage.ts';
import { JobError } from '../job/job-errors.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { redisKeys } from '../redis/keys.ts';
import { RedisConnections } from '../redis/redis-connections.ts';

const WINDOW_SECONDS = 60;
/** Longest wait for Redis. A hanging Redis must not delay submits, which otherwise do not need it. */
const COUNT_MS = 250;
const TRY_AGAIN_SECONDS = 5;

/** Limits how often a caller may submit over HTTP, counted in Redis across all processes. */
@Injectable()
export class SubmitRate {
  readonly #outage = new Outage('Jobstream limits', 'Submits are counted in Redis again', 'warn');
  readonly #shared: RateLimiterRedis | null = null;
  readonly #own: RateLimiterMemory | null = null;

  constructor(
    private readonly options: ResolvedOptions,
    redis: RedisConnections,
  ) {
    const { submitsPerMinute } = options.limits;
    if (submitsPerMinute === 0) return;
    const limit = { points: submitsPerMinute, duration: WINDOW_SECONDS };
    const keyPrefix = redisKeys(options.prefix).submitRate;
    this.#shared = new RateLimiterRedis({
      ...limit,
      storeClient: redis.command,
      keyPrefix,
      rejectIfRedisNotReady: true,
    });
    this.#own = new RateLimiterMemory(limit);
  }

  /**
   * Counts a submit. Throws `429 too_many_submits`, or `503 rate_unknown` when Redis cannot count and `withoutRedis` is
   * `closed`.
   */
  async count({ tenant, subject }: Caller): Promise<void> {
    if (!this.#shared || !this.#own) return;
    // Hashed, because names may be long and contain any character.
    const key = createHash('sha256')
      .update(JSON.stringify([tenant, subject]))
      .digest('base64url');
    try {
      await withDeadline(this.#shared.consume(key), COUNT_MS, `Redis did not count within ${COUNT_MS} ms.`);
      this.#outage.over();
    } catch (error) {
      if (error instanceof RateLimiterRes) {
        this.#outage.over();
        throw tooMany(error);
      }
      this.#tell(error);
      await this.#withoutRedis(this.#own, key);
    }
  }

  async #withoutRedis(own: RateLimiterMemory, key: string): Promise<void> {
    if (this.options.limits.withoutRedis === 'closed')
      throw new JobError(503, 'rate_unknown', 'Submits cannot be counted at the moment; try again.', {
        retryAfter: TRY_AGAIN_SECONDS,
      });
    await own.consume(key).catch((refusal: RateLimiterRes) => {
      throw tooMany(refusal);
    });
  }

  #tell(error: unknown): void {
    const { withoutRedis } = this.options.limits;
    const meanwhile = withoutRedis === 'open' ? 'each process counts for itself' : 'submits are refused';
    this.#outage.told(`Submits cannot be counted in Redis; ${meanwhile}`, error);
  }
}

function tooMany({ msBeforeNext }: RateLimiterRes): JobError {
  const retryAfter = Math.max(1, Math.ceil(msBeforeNext / 1_000));
  return new JobError(429, 'too_many_submits', `Too many submits; try again in ${retryAfter} s.`, {
    retryAfter,
  });
}
