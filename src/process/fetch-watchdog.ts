import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { JobQueue } from '../dispatch/job-queues.ts';
import { Loop } from '../runtime/loop.ts';
import { Outage } from '../runtime/outage.ts';

const LOOK_MS = 5_000;
/**
 * Bull asks for the next job about every second. If none arrives for this long although jobs wait, the connection
 * hangs.
 */
const SILENCE_MS = 15_000;
const CONTEXT = 'Jobstream worker';

/** Bull's types lack its blocking connection. */
interface Blocking {
  bclient: Redis;
}

/**
 * Checks that a queue's blocking connection still fetches jobs. A connection that died silently, for instance through a
 * dropped NAT entry, would leave the worker waiting for ever.
 */
export class FetchWatchdog {
  readonly #log = new Logger(CONTEXT);
  readonly #looks = new Loop(() => this.#look(), {
    everyMs: LOOK_MS,
    outage: new Outage(CONTEXT, 'Connections are watched again'),
    failed: 'Watching a connection failed',
  });
  #busy = 0;
  #lastSign = performance.now();

  constructor(private readonly queue: JobQueue) {}

  start(): void {
    this.#looks.start();
  }

  stop(): Promise<void> {
    return this.#looks.stop();
  }

  /** Notes that a job was fetched. Returns a function to call when its slot is free again. */
  fetched(): () => void {
    this.#busy += 1;
    this.#lastSign = performance.now();
    return () => {
      this.#busy -= 1;
      this.#lastSign = performance.now();
    };
  }

  async #look(): Promise<void> {
    const { bull, name, concurrency } = this.queue;
    if (this.#busy >= concurrency || performance.now() - this.#lastSign < SILENCE_MS) return;
    // If Redis does not answer, there is nothing to fetch either.
    const waiting = await bull.getWaitingCount().catch(() => 0);
    if (waiting === 0 || performance.now() - this.#lastSign < SILENCE_MS) return;
    this.#log.warn(`${waiting} jobs wait in "${name}" but none is fetched; reconnecting.`);
    this.#lastSign = performance.now();
    (bull as unknown as Blocking).bclient.disconnect(true);
  }
}
