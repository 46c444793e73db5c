import { Injectable, Logger } from '@nestjs/common';
import { RedisConnections } from '../redis/redis-connections.ts';
import { Loop } from '../runtime/loop.ts';
import { Outage } from '../runtime/outage.ts';
import type { Part } from '../runtime/part.ts';
import { Events } from '../events/events.ts';
import { CHANGES } from '../events/facts.ts';
import { JobOffers, type Offer } from '../store/job-offers.ts';
import { BULL_JOB_OPTIONS, type JobQueue, JobQueues } from './job-queues.ts';
import { dropStranded } from './stranded.ts';

/** How often due rows are looked for without a nudge. A due job is offered within this time. */
const POLL_MS = 500;
/** After a round with this many offers, more are likely to wait, so the next round follows at once. */
const MANY = 1_000;
const CONTEXT = 'Jobstream dispatch';

/**
 * Hands committed rows to Bull: take (committed) → addBulk → confirm. After a crash in between, or when Redis lost
 * entries, a row is offered again; its Bull id `<uuid>-<version>` makes a second add a no-op.
 */
@Injectable()
export class JobDispatcher implements Part {
  readonly #log = new Logger(CONTEXT);
  readonly #rounds = new Loop((_stop, due) => this.#round(due), {
    everyMs: POLL_MS,
    outage: new Outage(CONTEXT, 'Jobs are handed to Bull again'),
    failed: 'Handing jobs to Bull failed',
  });
  #stopListening: (() => void) | null = null;
  /** Whether to promote rows that became due: once per poll interval rather than with every nudge. */
  #due = true;
  /** Whether Redis reconnected: it may have lost its latest writes. */
  #redisWasAway = false;

  constructor(
    private readonly queues: JobQueues,
    private readonly offers: JobOffers,
    private readonly redis: RedisConnections,
    private readonly events: Events,
  ) {}

  start(): void {
    this.#rounds.start();
    // Every change either frees a slot in a queue's window or adds a row to offer.
    this.#stopListening = this.events.on(CHANGES, () => this.nudge());
    this.redis.command.on('ready', this.#redisIsBack);
    this.nudge();
  }

  async stop(): Promise<void> {
    this.#stopListening?.();
    this.redis.command.off('ready', this.#redisIsBack);
    await this.#rounds.stop();
  }

  /** Requests a round soon. Any number of nudges cause one round. */
  nudge(): void {
    this.#rounds.wake();
  }

  /**
   * Offers rows to Bull. Rows taken in a round that failed become due again after 5 s. Returns false when Redis is not
   * connected.
   */
  async #round(due: boolean): Promise<boolean> {
    this.#due ||= due;
    if (this.redis.command.status !== 'ready') return false;
    if (this.#redisWasAway) await this.#offerEverythingAgain();
    if (this.#due) {
      this.#due = false;
      await this.#noticeEmptiedRedis();
      await this.offers.promote();
    }
    const offers = await this.offers.take(
      this.queues.all.map(({ name, window }) => ({ queue: name, window })),
    );
    if (offers.length === 0) return true;
    const added = (await Promise.all(this.queues.all.map((queue) => this.#add(queue, offers)))).flat();
    this.events.tell({ name: 'offered', jobs: added });
    await this.offers.confirm(added);
    if (offers.length >= MANY) this.nudge();
    return true;
  }

  /** Adds the queue's offers to Bull; resolves to those that Bull has: it hides errors of single ones. */
  async #add(queue: JobQueue, offers: Offer[]): Promise<Offer[]> {
    const { name, bull } = queue;
    const own = offers.filter((offer) => offer.queue === name);
    if (own.length === 0) return [];
    await this.#dropStranded(queue, own);
    const jobs = await bull.addBulk(
      own.map((offer) => ({
        name: offer.type,
        data: { id: offer.id, version: offer.version },
        opts: { ...BULL_JOB_OPTIONS, jobId: bullId(offer) },
      })),
    );
    const refused = jobs.filter((job) => !job.id).length;
    if (refused > 0)
      this.#log.warn(`Bull refused ${refused} of ${own.length} jobs of "${name}"; they are offered again.`);
    return own.filter((_offer, index) => jobs[index]?.id);
  }

  /** Of offers that are made again Bull may have a hash whose place in its lists is lost. */
  async #dropStranded(queue: JobQueue, offers: Offer[]): Promise<void> {
    const ids = offers.filter(({ again }) => again).map(bullId);
    if (ids.length === 0) return;
    const dropped = await dropStranded(this.redis, queue, ids);
    if (dropped === 0) return;
    this.#log.warn(
      `Redis had lost the place of ${dropped} waiting jobs of "${queue.name}"; they are added again. Is its maxmemory-policy noeviction?`,
    );
  }

  /** A marker key that is gone says that Redis was emptied, and all that it carried with it. */
  async #noticeEmptiedRedis(): Promise<void> {
    if ((await this.redis.command.exists(this.redis.keys.marker)) === 1) return;
    await this.offers.offerEverythingAgain();
    await this.redis.command.set(this.redis.keys.marker, new Date().toISOString());
  }

  readonly #redisIsBack = (): void => {
    this.#redisWasAway = true;
    this.nudge();
  };

  async #offerEverythingAgain(): Promise<void> {
    this.#redisWasAway = false;
    try {
      await this.offers.offerEverythingAgain();
      this.#due = true;
    } catch (error) {
      this.#redisWasAway = true;
      throw error;
    }
  }
}

function bullId({ id, version }: Offer): string {
  return `${id}-${version}`;
}
