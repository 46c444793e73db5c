import { describe, expect, it } from '@jest/globals';
import { Counters } from '../../src/events/counters.ts';
import { Events } from '../../src/events/events.ts';
import type { JobStatus } from '../../src/job/job.ts';
import { toProgress } from '../../src/job/progress.ts';
import { aJob } from '../support/jobs.ts';

const changes = (reason: string, ...statuses: JobStatus[]) =>
  statuses.map((status) => ({ job: aJob({ status }), reason, actor: null }));

describe('the counters', () => {
  it('count what they are told of', () => {
    const events = new Events();
    const counters = new Counters();
    counters.listenTo(events);
    events.tell({ name: 'submitted', jobs: changes('submitted', 'queued', 'queued', 'queued') });
    events.tell({ name: 'offered', jobs: [aJob(), aJob()] });
    events.tell({ name: 'claimed', jobs: changes('claimed', 'active', 'active') });
    events.tell({ name: 'progressed', job: aJob(), progress: toProgress({ done: 1 }), tick: 1 });
    events.tell({ name: 'settled', jobs: changes('completed', 'completed', 'failed', 'completed') });
    events.tell({ name: 'requeued', jobs: changes('retry', 'queued') });
    events.tell({ name: 'refused', statusCode: 429, code: 'too_many_submits' });
    events.tell({ name: 'refused', statusCode: 404, code: 'job_not_found' });
    const stream = { tenant: 'acme', subject: 'ada', job: null };
    events.tell({ name: 'streamOpened', ...stream });
    events.tell({ name: 'streamClosed', ...stream, reason: 'left', openMs: 5 });
    events.tell({ name: 'found', jobs: [aJob(), aJob()] });
    events.tell({ name: 'unpublished', messages: 7 });
    events.tell({ name: 'malformed', channel: 'changes' });

    expect(counters.read()).toEqual({
      submitted: 3,
      offered: 2,
      claimed: 2,
      settled: { completed: 2, failed: 1 },
      requeued: { retry: 1 },
      progressFrames: 1,
      refused: { too_many_submits: 1, job_not_found: 1 },
      streamsOpened: 1,
      streamsClosed: { left: 1 },
      backstopHits: 2,
      publishFailures: 7,
      malformedMessages: 1,
    });
  });
});
