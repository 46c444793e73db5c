import { Injectable } from '@nestjs/common';
import { Counters, type JobsCounts } from './events/counters.ts';
import { withDeadline } from './runtime/deadline.ts';
import { RunningJobs } from './process/running-jobs.ts';
import { RedisConnections } from './redis/redis-connections.ts';
import { Subscriptions } from './redis/subscriptions.ts';
import { StreamMeasures } from './stream/stream-measures.ts';
import { Database } from './store/database.ts';

/** Longest wait for Postgres. A server that hangs counts as down, and health probes time out soon as well. */
const PROBE_MS = 3_000;

/** The current state of this process, together with its counters. */
export interface JobsMeasures extends JobsCounts {
  runningJobs: number;
  openStreams: number;
  /** Stream slots that are taken; stays close to `openStreams`. */
  admittedStreams: number;
  watchedJobs: number;
  subscribedChannels: number;
}

/** The state of this process and of its connections, for operators. */
export interface JobsReport extends JobsMeasures {
  /** Whether Postgres answers within 3 s. */
  postgres: boolean;
  redis: boolean;
}

/** The state of this process's Jobstream, for health checks and metrics. */
@Injectable()
export class JobsHealth {
  /** @internal Created by Nest. */
  constructor(
    private readonly database: Database,
    private readonly redis: RedisConnections,
    private readonly subscriptions: Subscriptions,
    private readonly running: RunningJobs,
    private readonly streams: StreamMeasures,
    private readonly counters: Counters,
  ) {}

  /** Everything in `measure()`, and whether Postgres and Redis are available. Never rejects. */
  async report(): Promise<JobsReport> {
    const postgres = await withDeadline(this.database.query('SELECT 1'), PROBE_MS, 'late').then(
      () => true,
      () => false,
    );
    return { ...this.measure(), postgres, redis: this.redis.command.status === 'ready' };
  }

  /** Reads only memory, so metrics are served even while Postgres or Redis is down. */
  measure(): JobsMeasures {
    return {
      ...this.counters.read(),
      ...this.streams.read(),
      runningJobs: this.running.size,
      subscribedChannels: this.subscriptions.size,
    };
  }
}
