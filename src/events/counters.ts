import { Injectable } from '@nestjs/common';
import type { Events } from './events.ts';

/**
 * Counters of this process since it started; they only grow. Records hold only keys that were counted at least once.
 */
export interface JobsCounts {
  /** New jobs that were committed. */
  submitted: number;
  /** Jobs handed to Bull; the same job may be handed over more than once. */
  offered: number;
  /** Attempts that began. */
  claimed: number;
  /** Jobs that became final, by status. */
  settled: Partial<Record<string, number>>;
  /** Jobs that were queued again, by reason: `retry`, `lease_lost`, `shutdown`, `retried_by_hand`. */
  requeued: Partial<Record<string, number>>;
  /** Progress frames of jobs that ran in this process. */
  progressFrames: number;
  /** HTTP requests that were refused, by error code. */
  refused: Partial<Record<string, number>>;
  streamsOpened: number;
  /**
   * By reason: that of the `bye`, `end` when the client had everything, or `left` when the client closed the stream.
   */
  streamsClosed: Partial<Record<string, number>>;
  /** Changes that only the backstop found. If it grows, Redis messages are being lost. */
  backstopHits: number;
  /** Messages that could not be published through Redis. */
  publishFailures: number;
  /** Messages from Redis that were dropped because Jobstream did not write them. */
  malformedMessages: number;
}

/**
 * Counts facts. A new counter needs a key in `JobsCounts` and a line here; the compiler then asks for its metric name
 * in the service.
 */
@Injectable()
export class Counters {
  readonly #counts: JobsCounts = {
    submitted: 0,
    offered: 0,
    claimed: 0,
    settled: {},
    requeued: {},
    progressFrames: 0,
    refused: {},
    streamsOpened: 0,
    streamsClosed: {},
    backstopHits: 0,
    publishFailures: 0,
    malformedMessages: 0,
  };

  listenTo(events: Events): void {
    const counts = this.#counts;
    events.on('submitted', ({ jobs }) => (counts.submitted += jobs.length));
    events.on('offered', ({ jobs }) => (counts.offered += jobs.length));
    events.on('claimed', ({ jobs }) => (counts.claimed += jobs.length));
    events.on('settled', ({ jobs }) => jobs.forEach(({ job }) => count(counts.settled, job.status)));
    events.on('requeued', ({ jobs }) => jobs.forEach(({ reason }) => count(counts.requeued, reason)));
    events.on('progressed', () => (counts.progressFrames += 1));
    events.on('refused', ({ code }) => count(counts.refused, code));
    events.on('streamOpened', () => (counts.streamsOpened += 1));
    events.on('streamClosed', ({ reason }) => count(counts.streamsClosed, reason));
    events.on('found', ({ jobs }) => (counts.backstopHits += jobs.length));
    events.on('malformed', () => (counts.malformedMessages += 1));
    events.on('unpublished', ({ messages }) => (counts.publishFailures += messages));
  }

  read(): JobsCounts {
    return structuredClone(this.#counts);
  }
}

function count(by: Partial<Record<string, number>>, key: string): void {
  by[key] = (by[key] ?? 0) + 1;
}
