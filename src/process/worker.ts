import { Injectable, Logger } from '@nestjs/common';
import type { Job } from 'bull';
import { type JobQueue, JobQueues } from '../dispatch/job-queues.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { Outage } from '../runtime/outage.ts';
import type { Part } from '../runtime/part.ts';
import { faultText } from '../runtime/loggable.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import type { JobRef } from '../store/job-columns.ts';
import { JobOffers } from '../store/job-offers.ts';
import { FetchWatchdog } from './fetch-watchdog.ts';
import { JobProcessor } from './job-processor.ts';
import { RunningJobs } from './running-jobs.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MAX_VERSION = 2 ** 31 - 1;
/** Longest time for each step of the shutdown that needs Redis or Postgres, because both may hang. */
const STEP_MS = 2_000;

/**
 * Checks an entry of a queue, because anyone with access to Redis can add one, and an invalid entry would fail the
 * claims of its whole batch.
 */
function isJobRef(data: Partial<JobRef> | null): data is JobRef {
  const { id, version } = data ?? {};
  const isVersion = Number.isInteger(version) && Number(version) > 0 && Number(version) <= MAX_VERSION;
  return typeof id === 'string' && UUID.test(id) && isVersion;
}

/** Takes jobs from the Bull queues from the start of the application until its shutdown. */
@Injectable()
export class Worker implements Part {
  readonly #log = new Logger('Jobstream worker');
  readonly #outage = new Outage('Jobstream worker', 'The queues are worked on again');
  readonly #active = new Set<Promise<void>>();
  readonly #watchdogs: FetchWatchdog[] = [];
  readonly #stopping = new AbortController();

  constructor(
    private readonly queues: JobQueues,
    private readonly processor: JobProcessor,
    private readonly running: RunningJobs,
    private readonly offers: JobOffers,
    private readonly redis: RedisConnections,
    private readonly options: ResolvedOptions,
  ) {}

  /** The grace, the time for aborted handlers, and the steps around them. */
  get stopLimitMs(): number {
    return this.options.shutdownGraceMs + this.options.cancelGraceMs + 4 * STEP_MS;
  }

  start(): void {
    if (!this.options.roles.includes('worker')) return;
    this.running.start();
    for (const queue of this.queues.all) this.#process(queue);
  }

  /** Stops claiming, lets jobs finish within the grace, then gives the others back. */
  async stop(): Promise<void> {
    const graceMs = this.options.shutdownGraceMs;
    const graceEnds = performance.now() + graceMs;
    this.#stopping.abort();
    for (const watchdog of this.#watchdogs) void watchdog.stop();
    await Promise.all(
      this.queues.all.map(({ bull }) => this.#inTime(bull.pause(true, true), 'Bull did not pause in time.')),
    );
    if (!(await this.#settled(graceEnds - performance.now()))) {
      this.#log.warn(`${this.running.size} jobs still run after ${graceMs} ms; they are given back.`);
      this.running.abortAll('shutdown');
      await this.#settled(this.options.cancelGraceMs + 2_000);
    }
    this.processor.giveUp();
    await Promise.all([
      ...this.queues.all.map(({ bull }) => this.#letGo(bull)),
      this.#inTime(this.running.stop(), 'The last renewal of leases did not end in time.'),
      ...this.#watchdogs.map((watchdog) =>
        this.#inTime(watchdog.stop(), 'The last look at a connection did not end in time.'),
      ),
    ]);
  }

  #process(queue: JobQueue): void {
    const { name, bull, concurrency } = queue;
    bull.on('error', (error: Error) => this.#report(name, error));
    const watchdog = new FetchWatchdog(queue);
    const handler = async (job: { data: JobRef }): Promise<void> => {
      if (!isJobRef(job.data))
        return this.#log.warn(`Ignored an entry of the queue "${name}" that is not a Jobstream job.`);
      this.#outage.over();
      const free = watchdog.fetched();
      const work = this.processor.process(job.data, this.#stopping.signal).finally(free);
      this.#active.add(work);
      await work.finally(() => this.#active.delete(work));
    };
    // Bull would name the connection, which has a name already, and would not handle the rejection.
    Object.assign(bull, { setWorkerName: () => Promise.resolve() });
    watchdog.start();
    this.#watchdogs.push(watchdog);
    bull.process('*', concurrency, handler).catch((error: Error) => this.#report(name, error));
  }

  /**
   * Bull fetches the next job whenever one ends. Jobs that it holds now are given back, because they would otherwise
   * wait until their locks expire.
   */
  async #letGo(bull: JobQueue['bull']): Promise<void> {
    const held = bull.getActive().then((jobs) => Promise.all(jobs.map((job) => this.#giveBack(job))));
    await this.#inTime(held, 'Bull did not release its jobs in time.');
  }

  async #inTime(step: Promise<unknown>, late: string): Promise<void> {
    await withDeadline(step, STEP_MS, late).catch((error: Error) => this.#log.warn(faultText(error)));
  }

  async #giveBack(job: Job<JobRef> | null): Promise<void> {
    // Releasing fails when another worker holds the lock, which means that it runs the job.
    const ours = await job?.releaseLock().then(
      () => true,
      () => false,
    );
    if (!job || !ours) return;
    await job.remove();
    await this.offers.giveBack([job.data]);
  }

  /** Waits until every job is settled and its handler has returned; false if that takes longer. */
  async #settled(milliseconds: number): Promise<boolean> {
    if (this.#active.size === 0) return true;
    return withDeadline(Promise.allSettled(this.#active), milliseconds, 'late').then(
      () => true,
      () => false,
    );
  }

  #report(queue: string, error: Error): void {
    if (this.#stopping.signal.aborted || this.redis.command.status !== 'ready') return;
    this.#outage.told(`Working on the queue "${queue}" failed`, error);
  }
}
