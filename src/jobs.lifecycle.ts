import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { JOB_QUEUES, type JobQueue } from './dispatch/job-queues.ts';
import { JobDispatcher } from './dispatch/job-dispatcher.ts';
import { Sweeper } from './dispatch/sweeper.ts';
import { withDeadline } from './runtime/deadline.ts';
import { faultText } from './runtime/loggable.ts';
import { JOBS_OPTIONS, type ResolvedOptions } from './jobs.options.ts';
import { Worker } from './process/worker.ts';
import { ChangeAnnouncer } from './publish/change-announcer.ts';
import { RedisConnections } from './redis/redis-connections.ts';
import { Subscriptions } from './redis/subscriptions.ts';
import { checkSchema } from './store/migrate.ts';
import { JOBS_DATA_SOURCE } from './store/tokens.ts';
import { JobHub } from './stream/job-hub.ts';
import { Viewers } from './stream/viewers.ts';

/** How long each step may take that waits for Redis or Postgres: both may hang. */
const STEP_MS = 2_000;

/**
 * Starts the moving parts once the application is ready, and stops them in order before its HTTP server closes:
 * Nest waits for open streams there, so they must have ended by then (pitfall A12).
 */
@Injectable()
export class JobsLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #log = new Logger('Jobstream');

  constructor(
    @Inject(JOBS_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(JOBS_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(JOB_QUEUES) private readonly queues: JobQueue[],
    @Inject(RedisConnections) private readonly redis: RedisConnections,
    @Inject(Subscriptions) private readonly subscriptions: Subscriptions,
    @Inject(ChangeAnnouncer) private readonly announcer: ChangeAnnouncer,
    @Inject(JobDispatcher) private readonly dispatcher: JobDispatcher,
    @Inject(Sweeper) private readonly sweeper: Sweeper,
    @Inject(JobHub) private readonly hub: JobHub,
    @Inject(Viewers) private readonly viewers: Viewers,
    @Inject(Worker) private readonly worker: Worker,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await checkSchema(this.dataSource, this.options.schema);
    this.announcer.start();
    this.dispatcher.start();
    this.sweeper.start();
    this.hub.start();
    this.viewers.start();
    if (this.options.roles.includes('worker')) this.worker.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.viewers.drain(), this.worker.stop()]);
    this.hub.stop();
    await Promise.all([
      this.#inTime(this.dispatcher.stop(), 'Handing jobs to Bull did not end in time.'),
      this.#inTime(this.sweeper.stop(), 'Sweeping did not end in time.'),
    ]);
    this.announcer.stop();
    await Promise.all(this.queues.map((queue) => this.#close(queue)));
    this.subscriptions.close();
    this.redis.close();
  }

  async #close({ name, bull }: JobQueue): Promise<void> {
    // `@nestjs/bull` would wait for the same close again, and for ever (pitfall B19).
    Object.assign(bull, { onApplicationShutdown: () => undefined });
    await this.#inTime(bull.close(true), `The queue "${name}" did not close in time.`);
  }

  async #inTime(step: Promise<unknown>, late: string): Promise<void> {
    await withDeadline(step, STEP_MS, late).catch((error: Error) => this.#log.warn(faultText(error)));
  }
}
