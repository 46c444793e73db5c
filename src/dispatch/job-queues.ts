import type { JobOptions, Queue, QueueOptions as BullOptions } from 'bull';
import type { QueueOptions, ResolvedOptions } from '../jobs.options.ts';
import type { Part } from '../runtime/part.ts';
import type { RedisConnections } from '../redis/redis-connections.ts';
import type { JobRef } from '../store/job-columns.ts';

/** A Bull queue with its resolved options. */
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
  // `@nestjs/bull` also closes its queues, and that second close would wait for ever.
  Object.assign(bull, { onApplicationShutdown: () => undefined });
  return bull.close(true);
}

export const QUEUE_DEFAULTS: Required<QueueOptions> = { concurrency: 10, window: 1_000 };

/** Bull must not keep finished jobs: their rows are in Postgres. */
export const BULL_JOB_OPTIONS: JobOptions = {
  removeOnComplete: true,
  removeOnFail: true,
  attempts: 1,
  stackTraceLimit: 1,
};

/**
 * Bull's options. Jobstream handles attempts, timeouts, delays and priorities itself, in Postgres. Bull offers a
 * stalled entry again, and the claim decides whether it runs.
 */
export function bullOptions(options: ResolvedOptions, redis: RedisConnections): BullOptions {
  return {
    prefix: options.prefix,
    createClient: (type) => redis.forBull(type),
    defaultJobOptions: BULL_JOB_OPTIONS,
    settings: {
      // Short, because only the lease protects a job: the entry of a dead worker is offered again after this time.
      lockDuration: 10_000,
      lockRenewTime: 3_000,
      stalledInterval: 5_000,
      maxStalledCount: 1_000,
      retryProcessDelay: 500,
      // Seconds of one blocking read. Short, so that the connection of a frozen worker soon stops taking entries.
      drainDelay: 1,
    },
  };
}
