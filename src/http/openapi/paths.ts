import { z } from 'zod';
import { NewApiKeyView, Ticket } from '../../job/credentials.ts';
import { JobView } from '../../job/job.ts';
import { FEED_EVENTS, JOB_EVENTS } from '../../job/stream-events.ts';
import { IdempotencyKey } from '../../submit/submission.ts';
import { ApiKeyPage, AuditPage, JobPage, LogPage, RevocationAnswer, SubmitAnswer } from '../answers.ts';
import * as queries from '../queries.ts';
import { ApiKeyRequest, RevocationRequest, SubmitRequest, TicketRequest } from '../requests.ts';
import { FeedFrame, JobStreamFrame } from './components.ts';
import { header, id, json, operation, parameter, queryOf } from './parts.ts';

const ADMIN = 'Needs `jobs:admin`.';

const lastEventId = parameter(
  'header',
  'Last-Event-ID',
  z.string().optional().describe('The id of the last frame seen.'),
);

const JOBS = {
  '/jobs': {
    post: operation('jobs', 'submitJob', 'Submit a job', {
      description:
        'Needs `jobs:write`. 202 means that the job is committed and will run even if everything but Postgres is lost.',
      parameters: [parameter('header', 'Idempotency-Key', IdempotencyKey)],
      body: SubmitRequest,
      answers: {
        202: json('The job is committed.', SubmitAnswer, {
          headers: {
            Location: header('The path of the job.'),
            'Idempotency-Replayed': header('`true` if an earlier call created the job.', z.literal('true')),
          },
        }),
      },
      refusals: ['Unprocessable', 'TooManySubmits'],
    }),
    get: operation('jobs', 'listJobs', 'List jobs, newest first', {
      parameters: queryOf(queries.ListQuery),
      answers: { 200: json('A page of jobs.', JobPage) },
      refusals: ['BadRequest'],
    }),
  },
  '/jobs/{id}': {
    get: operation('jobs', 'getJob', 'Show a job', {
      parameters: [id, ...queryOf(queries.JobQuery)],
      answers: { 200: json('The job.', JobView) },
      refusals: ['NotFound'],
    }),
  },
  '/jobs/{id}/cancel': {
    post: operation('jobs', 'cancelJob', 'Cancel a job', {
      description: 'Needs `jobs:write`. A queued job is cancelled at once, a running one is asked to stop.',
      parameters: [id],
      answers: { 202: json('The job, cancelled or asked to stop.', JobView) },
      refusals: ['NotFound', 'JobFinal'],
    }),
  },
  '/jobs/{id}/retry': {
    post: operation('jobs', 'retryJob', 'Queue a failed or cancelled job again', {
      description: 'Needs `jobs:write`. Adds an attempt if all were used.',
      parameters: [id],
      answers: { 202: json('The queued job.', JobView) },
      refusals: ['NotFound', 'JobNotRetryable', 'TooManyQueued'],
    }),
  },
  '/jobs/{id}/logs': {
    get: operation('jobs', 'readLogs', 'Read the log lines of a job, oldest first', {
      parameters: [id, ...queryOf(queries.LogsQuery)],
      answers: { 200: json('Up to 1,000 lines.', LogPage) },
      refusals: ['BadRequest', 'NotFound'],
    }),
  },
};

const STREAMS = {
  '/jobs/events': {
    get: operation('streams', 'streamJobs', 'Follow many jobs on one connection', {
      parameters: [lastEventId, ...queryOf(queries.FeedQuery)],
      answers: {
        200: eventStream(
          'Every matching job in full, then `ready`, then changes. Ids are opaque.',
          'event: ready\nid: 779\ndata: {}',
          FEED_EVENTS,
          FeedFrame,
        ),
      },
      refusals: ['BadRequest', 'TooManyStreams'],
    }),
  },
  '/jobs/{id}/events': {
    get: operation('streams', 'streamJob', 'Follow a job', {
      parameters: [id, lastEventId, ...queryOf(queries.StreamQuery)],
      answers: {
        200: eventStream(
          'Ids are `<version>.<tick>` and increase; `end` is the last event.',
          'event: progress\nid: 2.1\ndata: {"attempt":1,"progress":{"percent":10},"at":"2026-01-31T12:00:00.000Z"}',
          JOB_EVENTS,
          JobStreamFrame,
        ),
        204: {
          description: 'The job is final and the cursor is that of its `end`: nothing more will follow.',
        },
      },
      refusals: ['NotFound', 'TooManyStreams'],
    }),
  },
};

const ACCESS = {
  '/tickets': {
    post: operation(
      'access',
      'issueTicket',
      'Create a ticket for an EventSource, which cannot send headers',
      {
        description: 'Needs the scope for reading the jobs. The ticket opens their streams for 60 seconds.',
        body: TicketRequest,
        answers: { 201: json('The ticket.', Ticket) },
        refusals: ['NotFound', 'TooManyScopes'],
      },
    ),
  },
  '/api-keys': {
    post: operation('access', 'createApiKey', 'Create an API key', {
      description: `${ADMIN} The key is shown only in this response and stored as a hash.`,
      body: ApiKeyRequest,
      answers: { 201: json('The key.', NewApiKeyView) },
    }),
    get: operation('access', 'listApiKeys', 'List API keys that were not revoked, newest first', {
      description: ADMIN,
      parameters: queryOf(queries.ApiKeysQuery),
      answers: { 200: json('A page of keys.', ApiKeyPage) },
      refusals: ['BadRequest'],
    }),
  },
  '/api-keys/{id}': {
    delete: operation('access', 'revokeApiKey', 'Revoke an API key', {
      description: `${ADMIN} Streams opened with it end within a second.`,
      parameters: [id],
      answers: { 204: { description: 'The key is revoked.' } },
      refusals: ['ApiKeyNotFound'],
    }),
  },
  '/revocations': {
    post: operation('access', 'revoke', 'Revoke credentials issued until now', {
      description: `${ADMIN} Streams opened with them end within a second, in every process.`,
      body: RevocationRequest,
      answers: { 201: json('What was revoked.', RevocationAnswer) },
    }),
  },
  '/audit': {
    get: operation('access', 'readAudit', 'Show who did what, newest first', {
      description: 'Needs `jobs:admin`, which covers every tenant.',
      parameters: queryOf(queries.AuditQuery),
      answers: { 200: json('A page of entries.', AuditPage) },
      refusals: ['BadRequest'],
    }),
  },
};

/** The operations, by path and method. */
export const PATHS = { ...JOBS, ...STREAMS, ...ACCESS };

/**
 * A `text/event-stream`. OpenAPI 3.1 cannot describe its events. The schema is that of the `data` line of any event,
 * because clients that can read streams (@hey-api/openapi-ts) return just that. `x-events` has the schemas by event,
 * and `x-frame` that of a whole frame, for clients that read streams by other means.
 */
function eventStream(
  description: string,
  example: string,
  events: Record<string, z.ZodType>,
  frame: z.ZodType,
): object {
  const data = z.union([...new Set(Object.values(events))]);
  const content = { schema: data, 'x-events': events, 'x-frame': frame };
  // Part of the description, because an `example` would have to match the schema.
  const described = `${description}\n\n\`\`\`\n${example}\n\`\`\``;
  return { description: described, content: { 'text/event-stream': content } };
}
