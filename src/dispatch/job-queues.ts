import type { JobOptions, Queue, QueueOptions as BullOptions } from 'bull';
import type { QueueOptions, ResolvedOptions } from '../jobs.options.ts';
import type { Part } from '../runtime/part.ts';
import type { RedisConnections } from '../redis/redis-connections.ts';
import type { JobRef } from '../store/job-columns.ts';

/** One Bull queue, and what its options come to. */
export interface JobQueue {
  name: string;
  concurrency: number;
  window: number;
  bull: Queue<JobRef>;
}

/** The Bull queues of the module. */
export class JobQueues implements Part {
  constructor(readonly all: readonly JobQueue[]) {}

  async stop(): Promise<void> {
    await Promise.all(this.all.map((queue) => close(queue)));
  }
}

function close({ bull }: JobQueue): Promise<void> {
  // `@nestjs/bull` closes its queues as well, which would wait for this close again, and for ever.
  Object.assign(bull, { onApplicationShutdown: () => undefined });
  return bull.close(true);
}

export const QUEUE_DEFAULTS: Required<QueueOptions> = { concurrency: 10, window: 1_000 };

/** Bull keeps nothing of a job that has ended. */
export const BULL_JOB_OPTIONS: JobOptions = {
  removeOnComplete: true,
  removeOnFail: true,
  attempts: 1,
  stackTraceLimit: 1,
};

/**
 * Bull's options. Attempts, timeouts, delays and priorities are Jobstream's own, in Postgres; a
 * stalled entry is only ever offered again, and the claim decides.
 */
export function bullOptions(options: ResolvedOptions, redis: RedisConnections): BullOptions {
  return {
    prefix: options.prefix,
    createClient: (type) => redis.forBull(type),
    defaultJobOptions: BULL_JOB_OPTIONS,
    settings: {
      // Short, as the lease is what counts: an entry whose worker died is offered again this soon.
      lockDuration: 10_000,
      lockRenewTime: 3_000,
      stalledInterval: 5_000,
      maxStalledCount: 1_000,
      retryProcessDelay: 500,
      // Seconds of one blocking read: what a frozen worker's connection may still swallow ends this soon.
      drainDelay: 1,
    },
  };
}
