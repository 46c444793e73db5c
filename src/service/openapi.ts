import { z } from 'zod';
import { jobsOpenApi } from '../openapi.ts';

const Liveness = z.object({ status: z.literal('ok') });

const server = z.enum(['up', 'down']);
const Readiness = z.object({
  status: z.enum(['ok', 'degraded', 'unavailable']),
  postgres: server,
  redis: server,
});
const NotReady = Readiness.extend({ statusCode: z.literal(503), code: z.literal('not_ready') });

/** A JSON answer. */
function json(description: string, answer: z.ZodType): object {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(answer, {
    // Later versions may add to it.
    override: ({ jsonSchema }) => delete jsonSchema.additionalProperties,
  });
  return { description, content: { 'application/json': { schema } } };
}

function text(description: string, type: string): object {
  return { 200: { description, content: { [type]: { schema: { type: 'string' } } } } };
}

/** An operation that needs no credential. */
function open(operationId: string, summary: string, responses: object): object {
  return { get: { tags: ['operations'], operationId, summary, security: [], responses } };
}

const OPERATIONS = {
  '/health/live': open('isLive', 'The process answers', { 200: json('Alive.', Liveness) }),
  '/health/ready': open('isReady', 'Postgres answers, so jobs are taken', {
    200: json('`ok`, or `degraded` while Redis is away.', Readiness),
    503: json('Postgres does not answer.', NotReady),
  }),
  '/metrics': open(
    'readMetrics',
    'Metrics of this process',
    text('In the text format of Prometheus.', 'text/plain'),
  ),
  '/openapi.json': open('describe', 'This document', {
    200: json('An OpenAPI 3.1 document.', z.looseObject({})),
  }),
  '/': open('showDashboard', 'The dashboard', text('A page that asks for a token.', 'text/html')),
};

const jobs = jobsOpenApi();

/** The HTTP interface of the reference service, as `GET /openapi.json` answers it. */
export const openApiDocument: object = {
  ...jobs,
  tags: [...jobs.tags, { name: 'operations', description: 'Health, metrics, this document, the dashboard.' }],
  paths: { ...jobs.paths, ...OPERATIONS },
};
