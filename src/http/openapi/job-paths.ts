import { z } from 'zod';
import { FEED_EVENTS, JOB_EVENTS } from '../../job/stream-events.ts';
import { IdempotencyKey } from '../../submit/submission.ts';
import { JobView } from '../../job/job.ts';
import { JobPage, LogPage, SubmitAnswer } from '../answers.ts';
import { FeedQuery, JobQuery, ListQuery, LogsQuery, StreamQuery } from '../queries.ts';
import { SubmitRequest } from '../requests.ts';
import { FeedFrame, JobStreamFrame } from './components.ts';
import { guarded, id, json, jsonBody, parameter, queryOf, responseRef, withBody } from './parts.ts';

const ofJob = { ...guarded, 404: responseRef('NotFound') };

const submit = {
  tags: ['jobs'],
  operationId: 'submitJob',
  summary: 'Submit a job',
  description:
    'Needs `jobs:write`. 202 means committed: the job runs even if everything but Postgres is lost.',
  parameters: [parameter('header', 'Idempotency-Key', IdempotencyKey)],
  requestBody: jsonBody(SubmitRequest),
  responses: {
    202: json('The job is committed.', SubmitAnswer, {
      headers: {
        Location: { description: 'The path of the job.', schema: z.string() },
        'Idempotency-Replayed': {
          description: '`true` where an earlier call made the job.',
          schema: z.literal('true'),
        },
      },
    }),
    ...withBody,
    422: responseRef('Unprocessable'),
    429: responseRef('TooManySubmits'),
  },
};

const list = {
  tags: ['jobs'],
  operationId: 'listJobs',
  summary: 'List jobs, newest first',
  parameters: queryOf(ListQuery),
  responses: { 200: json('A page of jobs.', JobPage), 400: responseRef('BadRequest'), ...guarded },
};

const get = {
  tags: ['jobs'],
  operationId: 'getJob',
  summary: 'Show a job',
  parameters: [id, ...queryOf(JobQuery)],
  responses: { 200: json('The job.', JobView), ...ofJob },
};

const cancel = {
  tags: ['jobs'],
  operationId: 'cancelJob',
  summary: 'Cancel a job',
  description: 'Needs `jobs:write`. A queued job is cancelled at once, a running one is asked to stop.',
  parameters: [id],
  responses: {
    202: json('The job, cancelled or asked to stop.', JobView),
    ...ofJob,
    409: responseRef('JobFinal'),
  },
};

const retry = {
  tags: ['jobs'],
  operationId: 'retryJob',
  summary: 'Queue a failed or cancelled job again',
  description: 'Needs `jobs:write`. Grants one more attempt where all were used.',
  parameters: [id],
  responses: {
    202: json('The queued job.', JobView),
    ...ofJob,
    409: responseRef('JobNotRetryable'),
    429: responseRef('TooManyQueued'),
  },
};

const logs = {
  tags: ['jobs'],
  operationId: 'readLogs',
  summary: 'Read the log lines of a job, oldest first',
  parameters: [id, ...queryOf(LogsQuery)],
  responses: { 200: json('Up to 1,000 lines.', LogPage), 400: responseRef('BadRequest'), ...ofJob },
};

/**
 * A `text/event-stream`. OpenAPI 3.1 has no word for its events. Its schema is what the `data` line of any event holds,
 * because clients that can read streams (@hey-api/openapi-ts) hand out just that; `x-events` tells the events apart,
 * and `x-frame` is a frame as a whole, for clients that read streams by other means.
 */
function eventStream(
  description: string,
  example: string,
  events: Record<string, z.ZodType>,
  frame: z.ZodType,
): object {
  const data = z.union([...new Set(Object.values(events))]);
  const content = { schema: data, 'x-events': events, 'x-frame': frame };
  // Not as `example`, which would have to fit the schema.
  const described = `${description}\n\n\`\`\`\n${example}\n\`\`\``;
  return { description: described, content: { 'text/event-stream': content } };
}

const lastEventId = parameter(
  'header',
  'Last-Event-ID',
  z.string().optional().describe('The id of the last frame seen.'),
);

const events = {
  tags: ['streams'],
  operationId: 'streamJob',
  summary: 'Follow a job',
  parameters: [id, lastEventId, ...queryOf(StreamQuery)],
  responses: {
    200: eventStream(
      'Ids are `<version>.<tick>` and increase; `end` is the last event.',
      'event: progress\nid: 2.1\ndata: {"attempt":1,"progress":{"percent":10},"at":"2026-01-31T12:00:00.000Z"}',
      JOB_EVENTS,
      JobStreamFrame,
    ),
    204: {
      description: 'The job is final and the cursor is that of its `end`: there is nothing more to come.',
    },
    ...ofJob,
    429: responseRef('TooManyStreams'),
  },
};

const feed = {
  tags: ['streams'],
  operationId: 'streamJobs',
  summary: 'Follow many jobs on one connection',
  parameters: [lastEventId, ...queryOf(FeedQuery)],
  responses: {
    200: eventStream(
      'Every job that matches, whole; `ready` once all are there. Ids are opaque.',
      'event: ready\nid: 779\ndata: {}',
      FEED_EVENTS,
      FeedFrame,
    ),
    400: responseRef('BadRequest'),
    ...guarded,
    429: responseRef('TooManyStreams'),
  },
};

/** The operations on jobs. */
export const JOB_PATHS = {
  '/jobs': { post: submit, get: list },
  '/jobs/{id}': { get },
  '/jobs/{id}/cancel': { post: cancel },
  '/jobs/{id}/retry': { post: retry },
  '/jobs/{id}/logs': { get: logs },
};

/** The streams. */
export const STREAM_PATHS = {
  '/jobs/events': { get: feed },
  '/jobs/{id}/events': { get: events },
};
