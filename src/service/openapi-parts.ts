import { type Schema, schemaRef } from './openapi-schemas.ts';

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema: Schema;
}

function parameter(place: Parameter['in'], name: string, schema: Schema, description?: string): Parameter {
  return {
    name,
    in: place,
    ...(place === 'path' ? { required: true } : {}),
    ...(description ? { description } : {}),
    schema,
  };
}

const repeated = (items: Schema): Schema => ({ type: 'array', items, maxItems: 100 });
const FILTER = 'May be given more than once: one of them has to match.';

export const parameters = {
  Id: parameter('path', 'id', { type: 'string', format: 'uuid' }),
  Status: parameter('query', 'status', repeated(schemaRef('JobStatus')), FILTER),
  Type: parameter('query', 'type', repeated({ type: 'string', minLength: 1, maxLength: 64 }), FILTER),
  Tag: parameter('query', 'tag', repeated({ type: 'string', minLength: 1, maxLength: 64 }), FILTER),
  Job: parameter('query', 'job', repeated({ type: 'string', format: 'uuid' }), FILTER),
  LastEventId: parameter('header', 'Last-Event-ID', { type: 'string' }, 'The id of the last frame seen.'),
  After: parameter(
    'query',
    'after',
    { type: 'string' },
    'The same for clients without headers; the header wins.',
  ),
  Ticket: parameter(
    'query',
    'ticket',
    { type: 'string' },
    'From `POST /tickets`, for clients without headers; the stream then sets a cookie for reconnects.',
  ),
  Heartbeat: parameter('query', 'heartbeat', { enum: ['event'] }, 'Beat by an event instead of a comment.'),
};

export function parameterRef(name: keyof typeof parameters): object {
  return { $ref: `#/components/parameters/${name}` };
}

const error = (description: string, schema = 'Error', headers?: object): object => ({
  description,
  ...(headers ? { headers } : {}),
  content: { 'application/json': { schema: schemaRef(schema) } },
});

const header = (description: string): object => ({ description, schema: { type: 'string' } });

export const responses = {
  BadRequest: error(
    '`invalid_request`, with every issue; `bad_request` where the body is not JSON.',
    'InputError',
  ),
  Unauthorized: error('`unauthorized`: no bearer token, or one that is not valid (any more).', 'Error', {
    'WWW-Authenticate': header('`Bearer`, with `error="invalid_token"` where a token was given.'),
  }),
  Forbidden: error(
    '`insufficient_scope`: the message names the scope that is missing; `forbidden`; `cross_site_refused`.',
  ),
  NotFound: error('`job_not_found`: there is no such job, or the caller may not see it.'),
  ApiKeyNotFound: error('`api_key_not_found`: there is no such key that was not revoked.'),
  TooManyScopes: error('`too_many_scopes`: the scopes of the credential are too long for a ticket.'),
  JobFinal: error('`job_final`: the job has ended already.'),
  JobNotRetryable: error('`job_not_retryable`: the job has neither failed nor been cancelled.'),
  TooLarge: error('`payload_too_large`: the body or the payload exceeds 64 KiB.'),
  UnsupportedMediaType: error('`unsupported_media_type`: send `application/json`.'),
  Unprocessable: error(
    '`unknown_job_type`, `invalid_payload` with every issue, or `idempotency_mismatch`.',
    'InputError',
  ),
  TooManySubmits: error(
    '`too_many_submits` of this caller, or `too_many_queued_jobs` of the tenant.',
    'Error',
    {
      'Retry-After': header('Seconds to wait.'),
    },
  ),
  TooManyQueued: error('`too_many_queued_jobs` of the tenant.', 'Error', {
    'Retry-After': header('Seconds to wait.'),
  }),
  TooManyStreams: error('`too_many_streams` of this caller, or `server_full`.', 'Error', {
    'Retry-After': header('Seconds to wait.'),
  }),
  Unavailable: error(
    '`unavailable`: Postgres does not answer, and whether the request was carried out is not known. Try again.',
    'Error',
    { 'Retry-After': header('Seconds to wait.') },
  ),
};

export function responseRef(name: keyof typeof responses): object {
  return { $ref: `#/components/responses/${name}` };
}

/** What every operation that needs a credential may answer. */
export const guarded = {
  401: responseRef('Unauthorized'),
  403: responseRef('Forbidden'),
  503: responseRef('Unavailable'),
};

/** A JSON answer. */
export function json(description: string, schema: Schema, rest: object = {}): object {
  return { description, ...rest, content: { 'application/json': { schema } } };
}

export function jsonBody(name: string): object {
  return { required: true, content: { 'application/json': { schema: schemaRef(name) } } };
}

export function query(name: string, schema: Schema, description: string): object {
  return { name, in: 'query', description, schema };
}
