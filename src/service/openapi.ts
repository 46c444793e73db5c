import { createRequire } from 'node:module';
import { auditOperation, auditSchemas } from './openapi-audit.ts';
import { accessPaths, accessSchemas } from './openapi-access.ts';
import {
  guarded,
  json,
  jsonBody,
  parameterRef,
  parameters,
  query,
  responseRef,
  responses,
} from './openapi-parts.ts';
import { schemaRef, schemas } from './openapi-schemas.ts';

/** The package by its own name: the path to it differs between the sources and what is built of them. */
const { version } = createRequire(import.meta.url)('nestjs-jobstream/package.json') as { version: string };

const ofJob = { ...guarded, 404: responseRef('NotFound') };
const id = parameterRef('Id');
const filters = [parameterRef('Status'), parameterRef('Type'), parameterRef('Tag')];
const ofStream = (['LastEventId', 'After', 'Heartbeat', 'Ticket'] as const).map((name) => parameterRef(name));
const streamSecurity = [{ bearer: [] }, { ticket: [] }, { streamCookie: [] }];

/** A `text/event-stream`; OpenAPI 3.1 has no word for its events, so `x-events` names the schema of each one's data. */
function eventStream(description: string, example: string, events: Record<string, string>): object {
  const named = Object.fromEntries(Object.entries(events).map(([event, name]) => [event, schemaRef(name)]));
  return {
    description,
    content: { 'text/event-stream': { schema: { type: 'string' }, example, 'x-events': named } },
  };
}

const submit = {
  tags: ['jobs'],
  operationId: 'submitJob',
  summary: 'Submit a job',
  description:
    'Needs `jobs:write`. 202 means committed: the job runs even if everything but Postgres is lost.',
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      description: 'The same key, tenant, type and payload again answer the same job. Printable ASCII.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    },
  ],
  requestBody: jsonBody('SubmitRequest'),
  responses: {
    202: json('The job is committed.', schemaRef('SubmitAnswer'), {
      headers: {
        Location: { description: 'The path of the job.', schema: { type: 'string' } },
        'Idempotency-Replayed': {
          description: '`true` where an earlier call made the job.',
          schema: { const: 'true' },
        },
      },
    }),
    400: responseRef('BadRequest'),
    ...guarded,
    413: responseRef('TooLarge'),
    415: responseRef('UnsupportedMediaType'),
    422: responseRef('Unprocessable'),
    429: responseRef('TooManySubmits'),
  },
};

const list = {
  tags: ['jobs'],
  operationId: 'listJobs',
  summary: 'List jobs, newest first',
  parameters: [
    ...filters,
    query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 50 }, 'Jobs per page.'),
    query('cursor', { type: 'string', format: 'uuid' }, '`nextCursor` of the page before.'),
  ],
  responses: {
    200: json('A page of jobs.', schemaRef('JobPage')),
    400: responseRef('BadRequest'),
    ...guarded,
  },
};

const get = {
  tags: ['jobs'],
  operationId: 'getJob',
  summary: 'Show a job',
  parameters: [
    id,
    query('include', { enum: ['payload'] }, '`payload` adds what the job was submitted with.'),
  ],
  responses: { 200: json('The job.', schemaRef('JobView')), ...ofJob },
};

const cancel = {
  tags: ['jobs'],
  operationId: 'cancelJob',
  summary: 'Cancel a job',
  description: 'Needs `jobs:write`. A queued job is cancelled at once, a running one is asked to stop.',
  parameters: [id],
  responses: {
    202: json('The job, cancelled or asked to stop.', schemaRef('JobView')),
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
    202: json('The queued job.', schemaRef('JobView')),
    ...ofJob,
    409: responseRef('JobNotRetryable'),
    429: responseRef('TooManyQueued'),
  },
};

const logs = {
  tags: ['jobs'],
  operationId: 'readLogs',
  summary: 'Read the log lines of a job, oldest first',
  parameters: [
    id,
    query('after', { type: 'integer', minimum: 0, default: 0 }, 'Only lines after this number.'),
  ],
  responses: {
    200: json('Up to 1,000 lines.', schemaRef('LogPage')),
    400: responseRef('BadRequest'),
    ...ofJob,
  },
};

const events = {
  tags: ['streams'],
  operationId: 'streamJob',
  summary: 'Follow a job',
  security: streamSecurity,
  parameters: [id, ...ofStream, query('logs', { enum: ['1'] }, '`1` adds `log` events.')],
  responses: {
    200: eventStream(
      'Ids are `<version>.<tick>` and increase; `end` is the last event.',
      'event: progress\nid: 2.1\ndata: {"attempt":1,"progress":{"percent":10},"at":"2026-01-31T12:00:00.000Z"}\n\n',
      {
        snapshot: 'JobFrame',
        state: 'StateFrame',
        progress: 'ProgressFrame',
        log: 'LogFrame',
        end: 'JobFrame',
        reset: 'ResetFrame',
        bye: 'ByeFrame',
        heartbeat: 'EmptyFrame',
      },
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
  security: streamSecurity,
  parameters: [parameterRef('Job'), ...filters, ...ofStream],
  responses: {
    200: eventStream(
      'Every job that matches, whole; `ready` once all are there. Ids are opaque.',
      'event: ready\nid: …\ndata: {}\n\n',
      {
        job: 'JobFrame',
        gone: 'GoneFrame',
        ready: 'EmptyFrame',
        reset: 'ResetFrame',
        bye: 'ByeFrame',
        heartbeat: 'EmptyFrame',
      },
    ),
    400: responseRef('BadRequest'),
    ...guarded,
    429: responseRef('TooManyStreams'),
  },
};

/** An operation that needs no credential. */
function open(operationId: string, summary: string, answers: object): object {
  return { get: { tags: ['operations'], operationId, summary, security: [], responses: answers } };
}

function page(description: string, type: string): object {
  return { 200: { description, content: { [type]: { schema: { type: 'string' } } } } };
}

const operations = {
  '/health/live': open('isLive', 'The process answers', { 200: json('Alive.', schemaRef('Liveness')) }),
  '/health/ready': open('isReady', 'Postgres answers, so jobs are taken', {
    200: json('`ok`, or `degraded` while Redis is away.', schemaRef('Readiness')),
    503: json('Postgres does not answer.', schemaRef('Readiness')),
  }),
  '/metrics': open(
    'readMetrics',
    'Metrics of this process',
    page('In the text format of Prometheus.', 'text/plain'),
  ),
  '/openapi.json': open('describe', 'This document', {
    200: json('An OpenAPI 3.1 document.', { type: 'object' }),
  }),
  '/': open('showDashboard', 'The dashboard', page('A page that asks for a token.', 'text/html')),
};

/** The HTTP interface of the reference service, as `GET /openapi.json` answers it. */
export const openApiDocument: object = {
  openapi: '3.1.0',
  info: {
    title: 'Jobstream',
    version,
    description: 'Background jobs with live progress. docs/protocol.md describes the streams in full.',
  },
  security: [{ bearer: [] }],
  paths: {
    '/jobs': { post: submit, get: list },
    '/jobs/events': { get: feed },
    '/jobs/{id}': { get },
    '/jobs/{id}/cancel': { post: cancel },
    '/jobs/{id}/retry': { post: retry },
    '/jobs/{id}/logs': { get: logs },
    '/jobs/{id}/events': { get: events },
    ...accessPaths,
    '/audit': { get: auditOperation },
    ...operations,
  },
  components: {
    securitySchemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'A JWT of the issuer, an API key, or a viewer token.',
      },
      ticket: { type: 'apiKey', in: 'query', name: 'ticket' },
      streamCookie: { type: 'apiKey', in: 'cookie', name: 'jobstream_stream' },
    },
    parameters,
    responses,
    schemas: { ...schemas, ...accessSchemas, ...auditSchemas },
  },
};
