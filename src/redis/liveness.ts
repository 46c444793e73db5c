import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Loop } from '../runtime/loop.ts';
import { Outage } from '../runtime/outage.ts';

/** How often a connection is asked, and how long it may take to send the first byte after that. */
const ROUND_MS = 5_000;

/**
 * Asks a connection whether it still lives, and makes it anew when nothing comes: a dropped NAT entry or a frozen
 * server that was replaced closes no socket, and would be waited for until TCP gives up. Any byte counts, as a
 * PING waits behind all of Bull's blocking reads, of a second each. Returns what stops it.
 */
export function keepAlive(redis: Redis, name: string, log: Logger): () => Promise<void> {
  let asked: { stream: Redis['stream']; bytes: number } | null = null;
  const look = (): void => {
    const { status, stream } = redis;
    // Before it is ready the greeting is the question.
    const open = (status === 'ready' || status === 'connect') && stream.writable;
    const silent = open && asked?.stream === stream && asked.bytes === stream.bytesRead;
    asked = open && !silent ? { stream, bytes: stream.bytesRead } : null;
    if (silent) {
      log.warn(`The connection ${name} is dead. Connecting again.`);
      redis.disconnect(true);
    } else if (open && status === 'ready') {
      // What comes back counts, and whoever else asks is told of its failure.
      redis.ping().catch(() => undefined);
    }
  };
  // After the timers of a process that was held up comes what has arrived meanwhile: that is looked at first.
  const round = async (stop: AbortSignal): Promise<void> => {
    await turn();
    if (!stop.aborted) look();
  };
  const outage = new Outage('Jobstream Redis', `The connection ${name} is looked after again`);
  const loop = new Loop(round, {
    everyMs: ROUND_MS,
    outage,
    failed: `Looking after the connection ${name} failed`,
    ref: false,
  });
  loop.start();
  return () => loop.stop();
}
