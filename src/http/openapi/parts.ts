import { z } from 'zod';
import { ErrorBody } from '../../job/job-errors.ts';

// Zod schemas stand where the document has JSON Schemas: `render()` puts those in their place.

const error = (description: string, headers?: object) => ({
  description,
  ...(headers ? { headers } : {}),
  content: { 'application/json': { schema: ErrorBody } },
});

const header = (description: string, schema: z.ZodType = z.string()): object => ({ description, schema });
const retryAfter = { 'Retry-After': header('Seconds to wait.', z.int().min(0)) };

const RESPONSES = {
  BadRequest: error('`invalid_request`, with every issue; `bad_request` where the body is not JSON.'),
  Unauthorized: error('`unauthorized`: no bearer token, or one that is not valid (any more).', {
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
  Unprocessable: error('`unknown_job_type`, `invalid_payload` with every issue, or `idempotency_mismatch`.'),
  TooManySubmits: error(
    '`too_many_submits` of this caller, or `too_many_queued_jobs` of the tenant.',
    retryAfter,
  ),
  TooManyQueued: error('`too_many_queued_jobs` of the tenant.', retryAfter),
  TooManyStreams: error('`too_many_streams` of this caller, or `server_full`.', retryAfter),
  Unavailable: error(
    '`unavailable`: Postgres does not answer, and whether the request was carried out is not known. Try again.',
    retryAfter,
  ),
};

const ID = { name: 'id', in: 'path', required: true, schema: z.uuid() } as const;

/** What operations refer to, besides schemas. */
export const COMMON = { parameters: { Id: ID }, responses: RESPONSES };

export const id = { $ref: '#/components/parameters/Id' };

export function responseRef(name: keyof typeof RESPONSES): object {
  return { $ref: `#/components/responses/${name}` };
}

/** What every operation that needs a credential may answer. */
export const guarded = {
  401: responseRef('Unauthorized'),
  403: responseRef('Forbidden'),
  503: responseRef('Unavailable'),
};

/** What an operation with a body may refuse besides. */
export const withBody = {
  400: responseRef('BadRequest'),
  ...guarded,
  413: responseRef('TooLarge'),
  415: responseRef('UnsupportedMediaType'),
};

/** A JSON answer. */
export function json(description: string, schema: z.ZodType, rest: object = {}): object {
  return { description, ...rest, content: { 'application/json': { schema } } };
}

export function jsonBody(schema: z.ZodType): object {
  return { required: true, content: { 'application/json': { schema } } };
}

/** The parameters that the schema of a query checks. */
export function queryOf({ shape }: z.ZodObject): object[] {
  return Object.entries(shape).map(([name, schema]) => parameter('query', name, schema as z.ZodType));
}

/** A parameter that may be left out. */
export function parameter(place: 'query' | 'header', name: string, schema: z.ZodType): object {
  const { description } = schema;
  return { name, in: place, ...(description === undefined ? {} : { description }), schema };
}
