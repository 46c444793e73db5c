import { Injectable } from '@nestjs/common';
import { FramePublisher } from './publish/frame-publisher.ts';
import { ChangeAnnouncer } from './publish/change-announcer.ts';
import { withDeadline } from './runtime/deadline.ts';
import { RunningJobs } from './process/running-jobs.ts';
import { RedisConnections } from './redis/redis-connections.ts';
import { Subscriptions } from './redis/subscriptions.ts';
import { Admission } from './stream/admission.ts';
import { JobHub } from './stream/job-hub.ts';
import { Viewers } from './stream/viewers.ts';
import { Database } from './store/database.ts';

/** Longest wait for Postgres: a server that hangs is away, and the probes that ask do not wait long either. */
const PROBE_MS = 3_000;

/** What this process counts. Counters only grow; the rest is as it is now. */
export interface JobsMeasures {
  runningJobs: number;
  openStreams: number;
  /** Places that the admission counts as taken; stays near `openStreams`. */
  admittedStreams: number;
  watchedJobs: number;
  subscribedChannels: number;
  /** Counter: changes that only the backstop found; while it grows, Redis messages get lost. */
  backstopHits: number;
  /** Counter: messages that Redis did not take. */
  publishFailures: number;
  /** Counter: messages from Redis that were dropped, as Jobstream did not write them. */
  malformedMessages: number;
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
  constructor(
    private readonly database: Database,
    private readonly redis: RedisConnections,
    private readonly subscriptions: Subscriptions,
    private readonly running: RunningJobs,
    private readonly hub: JobHub,
    private readonly viewers: Viewers,
    private readonly admission: Admission,
    private readonly frames: FramePublisher,
    private readonly announcer: ChangeAnnouncer,
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
      runningJobs: this.running.size,
      openStreams: this.viewers.size,
      admittedStreams: this.admission.total,
      watchedJobs: this.hub.size,
      subscribedChannels: this.subscriptions.size,
      backstopHits: this.hub.backstopHits,
      publishFailures: this.frames.failures + this.announcer.failures,
      malformedMessages: this.hub.malformed,
    };
  }
}
