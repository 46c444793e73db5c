import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Caller } from '../../src/access/caller.ts';
import { resolveOptions } from '../../src/jobs.options.ts';
import type { RedisConnections } from '../../src/redis/redis-connections.ts';
import { SubmitRate } from '../../src/http/submit-rate.ts';

const caller: Caller = { tenant: 'acme', subject: 'ann', scopes: new Set(), expiresAt: null, job: null };

/** A rate on a Redis that took the command and never answers. */
function rateOnHangingRedis(withoutRedis: 'open' | 'closed'): SubmitRate {
  const command = {
    status: 'ready',
    defineCommand: () => undefined,
    rlflxIncr: () => new Promise(() => undefined),
  };
  const limits = { submitsPerMinute: 1, withoutRedis };
  return new SubmitRate(resolveOptions({ redis: 'redis://unused', limits }), {
    command,
  } as unknown as RedisConnections);
}

describe('the rate of submits on a Redis that hangs', () => {
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['log']));

  it('is counted by the process alone after a moment when it fails open', async () => {
    const rate = rateOnHangingRedis('open');

    await rate.count(caller);
    await expect(rate.count(caller)).rejects.toMatchObject({ code: 'too_many_submits', status: 429 });
  });

  it('is refused after a moment when it fails closed', async () => {
    await expect(rateOnHangingRedis('closed').count(caller)).rejects.toMatchObject({
      code: 'rate_unknown',
      status: 503,
      retryAfter: 5,
    });
  });
});
