import { Injectable } from '@nestjs/common';
import type { Events } from './events.ts';

/** What this process has counted since it started; everything only grows. Keys of a record are there once counted. */
export interface JobsCounts {
  /** Jobs that were committed. */
  submitted: number;
  /** Jobs that were handed to Bull; one may be so more than once. */
  offered: number;
  /** Attempts that were begun. */
  claimed: number;
  /** Jobs that became final, by status. */
  settled: Partial<Record<string, number>>;
  /** Jobs that were queued again, by reason: `retry`, `lease_lost`, `shutdown`, `retried_by_hand`. */
  requeued: Partial<Record<string, number>>;
  /** Frames of progress of the jobs that ran here. */
  progressFrames: number;
  /** HTTP requests that were refused, by error code. */
  refused: Partial<Record<string, number>>;
  streamsOpened: number;
  /** By the reason of the `bye`, or `end`, or `left`. */
  streamsClosed: Partial<Record<string, number>>;
  /** Changes that only the backstop found; while it grows, Redis messages get lost. */
  backstopHits: number;
  /** Messages that Redis did not take. */
  publishFailures: number;
  /** Messages from Redis that were dropped, as Jobstream did not write them. */
  malformedMessages: number;
}

/** Counts facts. A new counter is a key of `JobsCounts` and a line here; the service's metrics then ask for its name. */
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
