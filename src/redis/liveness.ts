import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { withDeadline } from '../job/deadline.ts';

const PING_MS = 10_000;
/** Longer than any of Bull's blocking reads, behind which a PING has to wait. */
const ANSWER_MS = 5_000;

/**
 * Asks a connection whether it still lives, and makes it anew when it does not answer: a dropped NAT entry or a
 * frozen server that was replaced closes no socket, and would be waited for until TCP gives up (pitfall C4).
 * Returns what stops it.
 */
export function keepAlive(redis: Redis, log: Logger): () => void {
  let asking = false;
  const timer = setInterval(async () => {
    if (asking || redis.status !== 'ready') return;
    asking = true;
    try {
      await withDeadline(redis.ping(), ANSWER_MS, 'No answer to PING.');
    } catch (error) {
      // Others have noticed meanwhile that it broke.
      if (redis.status === 'ready') reconnect(error as Error);
    } finally {
      asking = false;
    }
  }, PING_MS).unref();
  const reconnect = ({ message }: Error): void => {
    log.warn(`The connection ${redis.options.connectionName} is dead: ${message} Connecting again.`);
    redis.disconnect(true);
  };
  return () => clearInterval(timer);
}
