import { Injectable, Logger } from '@nestjs/common';
import { faultText } from '../runtime/loggable.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { redisKeys } from '../redis/keys.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import type { Part } from '../runtime/part.ts';
import { Events } from '../events/events.ts';
import { CHANGES } from '../events/facts.ts';
import { JobOffers, type Offer } from '../store/job-offers.ts';
import { BULL_JOB_OPTIONS, type JobQueue, JobQueues } from './job-queues.ts';

/** How often rows are looked for without a nudge: a due job starts within this, and what it takes to claim it. */
const POLL_MS = 500;

/**
 * Hands committed rows to Bull: take (committed) → addBulk → confirm. A crash in between, or a Redis that
 * forgot, only means that a row is offered again; its Bull id `<uuid>-<version>` makes twice be once.
 */
@Injectable()
export class JobDispatcher implements Part {
  readonly #log = new Logger('Jobstream dispatch');
  readonly #marker: string;
  #timer: NodeJS.Timeout | null = null;
  #stopListening: (() => void) | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #due = false;
  #failing = false;

  constructor(
    private readonly queues: JobQueues,
    private readonly offers: JobOffers,
    private readonly redis: RedisConnections,
    private readonly events: Events,
    { prefix }: ResolvedOptions,
  ) {
    this.#marker = redisKeys(prefix).marker;
  }

  start(): void {
    this.#timer = setInterval(() => this.#poll(), POLL_MS);
    // Anything that leaves the queue makes room in its window; anything that enters it wants to be offered.
    this.#stopListening = this.events.on(CHANGES, () => this.nudge());
    this.redis.command.on('ready', this.#redisIsBack);
    this.#poll();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#stopListening?.();
    this.redis.command.off('ready', this.#redisIsBack);
    this.#again = false;
    await this.#running;
  }

  /** Looks for rows to offer soon; any number of nudges make one look. */
  nudge(): void {
    if (!this.#timer) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => (this.#running = null));
  }

  #poll(): void {
    this.#due = true;
    this.nudge();
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        await this.#round();
        this.#failing = false;
      } catch (error) {
        // Rows that were taken come back by themselves; the next poll tries again.
        if (!this.#failing) this.#log.error(`Handing jobs to Bull failed: ${faultText(error)}`);
        this.#failing = true;
      }
    }
  }

  async #round(): Promise<void> {
    if (this.redis.command.status !== 'ready') return;
    if (this.#due) {
      this.#due = false;
      await this.#noticeEmptiedRedis();
      await this.offers.promote();
    }
    const offers = await this.offers.take(
      this.queues.all.map(({ name, window }) => ({ queue: name, window })),
    );
    if (offers.length === 0) return;
    const added = (await Promise.all(this.queues.all.map((queue) => this.#add(queue, offers)))).flat();
    this.events.tell({ name: 'offered', jobs: added });
    await this.offers.confirm(added);
    this.#again ||= offers.length >= 1_000;
  }

  /** Adds the queue's offers to Bull; resolves to those that Bull has (pitfall B7: it hides errors of single ones). */
  async #add({ name, bull }: JobQueue, offers: Offer[]): Promise<Offer[]> {
    const own = offers.filter(({ queue }) => queue === name);
    if (own.length === 0) return [];
    const jobs = await bull.addBulk(
      own.map(({ id, version, type }) => ({
        name: type,
        data: { id, version },
        opts: { ...BULL_JOB_OPTIONS, jobId: `${id}-${version}` },
      })),
    );
    const refused = jobs.filter((job) => !job.id).length;
    if (refused > 0)
      this.#log.warn(`Bull refused ${refused} of ${own.length} jobs of "${name}"; they are offered again.`);
    return own.filter((_offer, index) => jobs[index]?.id);
  }

  /** A marker key that is gone says that Redis was emptied, and all that it carried with it. */
  async #noticeEmptiedRedis(): Promise<void> {
    if ((await this.redis.command.exists(this.#marker)) === 1) return;
    await this.offers.offerEverythingAgain();
    await this.redis.command.set(this.#marker, new Date().toISOString());
  }

  /** A Redis that was away may have lost what it had not written yet. */
  readonly #redisIsBack = (): void => {
    this.offers.offerEverythingAgain().then(
      () => this.#poll(),
      (error: Error) => this.#log.error(`Offering jobs again failed: ${faultText(error)}`),
    );
  };
}
