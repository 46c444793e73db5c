import { Injectable } from '@nestjs/common';
import { Counters, type JobsCounts } from './events/counters.ts';
import { withDeadline } from './runtime/deadline.ts';
import { RunningJobs } from './process/running-jobs.ts';
import { RedisConnections } from './redis/redis-connections.ts';
import { Subscriptions } from './redis/subscriptions.ts';
import { StreamMeasures } from './stream/stream-measures.ts';
import { Database } from './store/database.ts';

/** Longest wait for Postgres: a server that hangs is away, and the probes that ask do not wait long either. */
const PROBE_MS = 3_000;

/** What this process measures: how things are now, beside what it has counted. */
export interface JobsMeasures extends JobsCounts {
  runningJobs: number;
  openStreams: number;
  /** Places that the admission counts as taken; stays near `openStreams`. */
  admittedStreams: number;
  watchedJobs: number;
  subscribedChannels: number;
}

/** What an operator wants to know of this process. */
export interface JobsReport extends JobsMeasures {
  /** Answers within 3 s. */
  postgres: boolean;
  redis: boolean;
}

/** The state of this process's Jobstream, for health checks and metrics. */
@Injectable()
export class JobsHealth {
  /** @internal Nest makes it. */
  constructor(
    private readonly database: Database,
    private readonly redis: RedisConnections,
    private readonly subscriptions: Subscriptions,
    private readonly running: RunningJobs,
    private readonly streams: StreamMeasures,
    private readonly counters: Counters,
  ) {}

  /** Asks Postgres as well; never rejects. */
  async report(): Promise<JobsReport> {
    const postgres = await withDeadline(this.database.query('SELECT 1'), PROBE_MS, 'late').then(
      () => true,
      () => false,
    );
    return { ...this.measure(), postgres, redis: this.redis.command.status === 'ready' };
  }

  /** Asks nobody, so that metrics are served whatever is away. */
  measure(): JobsMeasures {
    return {
      ...this.counters.read(),
      ...this.streams.read(),
      runningJobs: this.running.size,
      subscribedChannels: this.subscriptions.size,
    };
  }
}
