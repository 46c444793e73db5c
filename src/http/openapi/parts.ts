import { z } from 'zod';
import { ErrorBody } from '../../job/job-errors.ts';

// These parts hold zod schemas, which `render()` replaces with JSON Schemas.

type Refused = [status: number, when: string];

const REFUSALS = {
  BadRequest: [400, '`invalid_request`, with every issue; `bad_request` when the body is not JSON.'],
  Unauthorized: [401, '`unauthorized`: the bearer token is missing, invalid, expired or revoked.'],
  Forbidden: [
    403,
    '`insufficient_scope`, with the missing scope in the message; `forbidden`; `cross_site_refused`.',
  ],
  NotFound: [404, '`job_not_found`: the job does not exist, or the caller may not see it.'],
  ApiKeyNotFound: [404, '`api_key_not_found`: the key does not exist or was already revoked.'],
  TooManyScopes: [422, '`too_many_scopes`: the scopes of the credential are too long for a ticket.'],
  JobFinal: [409, '`job_final`: the job has already ended.'],
  JobNotRetryable: [409, '`job_not_retryable`: the job has neither failed nor been cancelled.'],
  TooLarge: [413, '`payload_too_large`: the body or the payload exceeds 64 KiB.'],
  UnsupportedMediaType: [415, '`unsupported_media_type`: send `application/json`.'],
  Unprocessable: [422, '`unknown_job_type`, `invalid_payload` with every issue, or `idempotency_mismatch`.'],
  TooManySubmits: [429, '`too_many_submits` by this caller, or `too_many_queued_jobs` of the tenant.'],
  TooManyQueued: [429, '`too_many_queued_jobs` of the tenant.'],
  TooManyStreams: [429, '`too_many_streams` by this caller, or `server_full`.'],
  Unavailable: [
    503,
    '`unavailable`: Postgres does not answer, so it is unknown whether the request was carried out. Try again.',
  ],
} as const satisfies Record<string, Refused>;

export type Refusal = keyof typeof REFUSALS;

const retryAfter = { 'Retry-After': header('Seconds to wait.', z.int().min(0)) };
const HEADERS: Record<number, object> = {
  401: {
    'WWW-Authenticate': header('`Bearer`, with `error="invalid_token"` if a token was sent.'),
  },
  429: retryAfter,
  503: retryAfter,
};

const ID = { name: 'id', in: 'path', required: true, schema: z.uuid() } as const;

/** Parameters and responses that operations refer to. */
export const COMMON = {
  parameters: { Id: ID },
  responses: Object.fromEntries(
    Object.entries(REFUSALS).map(([name, [status, when]]) => {
      const headers = HEADERS[status];
      return [name, json(when, ErrorBody, headers && { headers })];
    }),
  ) as Record<string, { description: string }>,
};

export const id = { $ref: '#/components/parameters/Id' };

interface Parts {
  description?: string;
  parameters?: object[];
  /** The schema of the JSON body. */
  body?: z.ZodType;
  /** Successful responses by status. */
  answers: Record<number, object>;
  /** Error responses in addition to those of every operation and of every body. */
  refusals?: Refusal[];
}

/** An operation that needs a credential. */
export function operation(tag: string, operationId: string, summary: string, parts: Parts) {
  const { body, answers, refusals = [], ...rest } = parts;
  const ofBody: Refusal[] = body ? ['BadRequest', 'TooLarge', 'UnsupportedMediaType'] : [];
  const all: Refusal[] = ['Unauthorized', 'Forbidden', 'Unavailable', ...ofBody, ...refusals];
  const refused = all.map((name) => [REFUSALS[name][0], { $ref: `#/components/responses/${name}` }]);
  return {
    tags: [tag],
    operationId,
    summary,
    ...rest,
    ...(body && { requestBody: { required: true, content: jsonOf(body) } }),
    responses: { ...answers, ...Object.fromEntries(refused) } as Record<string, { description: string }>,
  };
}

/** A JSON response. */
export function json(description: string, schema: z.ZodType, rest: object = {}) {
  return { description, ...rest, content: jsonOf(schema) };
}

function jsonOf(schema: z.ZodType): object {
  return { 'application/json': { schema } };
}

export function header(description: string, schema: z.ZodType = z.string()): object {
  return { description, schema };
}

/** The parameters of a query's schema. */
export function queryOf({ shape }: z.ZodObject): object[] {
  return Object.entries(shape).map(([name, schema]) => parameter('query', name, schema as z.ZodType));
}

/** An optional parameter. */
export function parameter(place: 'query' | 'header', name: string, schema: z.ZodType): object {
  const { description } = schema;
  return { name, in: place, ...(description === undefined ? {} : { description }), schema };
}
