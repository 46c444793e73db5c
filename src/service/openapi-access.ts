import { guarded, json, jsonBody, query, responseRef } from './openapi-parts.ts';
import { integer, list, nullable, object, type Schema, schemaRef, text, time } from './openapi-schemas.ts';

const uuid = text({ format: 'uuid' });
const name = text({ minLength: 1, maxLength: 255 });
const scope = text({ enum: ['jobs:read', 'jobs:write', 'jobs:tenant', 'jobs:admin'] });
const ADMIN = 'Needs `jobs:admin`.';

/** What an operation with a body may refuse besides. */
const withBody = {
  400: responseRef('BadRequest'),
  ...guarded,
  413: responseRef('TooLarge'),
  415: responseRef('UnsupportedMediaType'),
};

const ticket = {
  tags: ['access'],
  operationId: 'issueTicket',
  summary: 'Make a ticket for an EventSource, which cannot send headers',
  description: 'Needs what reading the jobs needs. The ticket opens their streams for 60 seconds.',
  requestBody: jsonBody('TicketRequest'),
  responses: {
    201: json('The ticket.', schemaRef('Ticket')),
    ...withBody,
    404: responseRef('NotFound'),
    422: responseRef('TooManyScopes'),
  },
};

const createKey = {
  tags: ['access'],
  operationId: 'createApiKey',
  summary: 'Make an API key',
  description: `${ADMIN} The key is told once, and kept as a hash.`,
  requestBody: jsonBody('ApiKeyRequest'),
  responses: { 201: json('The key.', schemaRef('NewApiKey')), ...withBody },
};

const listKeys = {
  tags: ['access'],
  operationId: 'listApiKeys',
  summary: 'List API keys that were not revoked, newest first',
  description: ADMIN,
  parameters: [
    query('limit', integer(1, { maximum: 100, default: 50 }), 'Keys per page.'),
    query('cursor', uuid, '`nextCursor` of the page before.'),
  ],
  responses: {
    200: json('A page of keys.', schemaRef('ApiKeyPage')),
    400: responseRef('BadRequest'),
    ...guarded,
  },
};

const revokeKey = {
  tags: ['access'],
  operationId: 'revokeApiKey',
  summary: 'Revoke an API key',
  description: `${ADMIN} Streams that it opened end within a second.`,
  parameters: [{ name: 'id', in: 'path', required: true, schema: uuid }],
  responses: { 204: { description: 'It is revoked.' }, ...guarded, 404: responseRef('ApiKeyNotFound') },
};

const revoke = {
  tags: ['access'],
  operationId: 'revoke',
  summary: 'Revoke what was issued until now',
  description: `${ADMIN} Streams that it opened end within a second, on every process.`,
  requestBody: jsonBody('RevocationRequest'),
  responses: { 201: json('What was revoked.', schemaRef('Revocation')), ...withBody },
};

/** The operations on credentials. */
export const accessPaths = {
  '/tickets': { post: ticket },
  '/api-keys': { post: createKey, get: listKeys },
  '/api-keys/{id}': { delete: revokeKey },
  '/revocations': { post: revoke },
};

const keyProperties = { name, tenant: name, subject: name, scopes: list(scope, { minItems: 1 }) };
const storedKey = {
  id: uuid,
  prefix: text({ description: 'The part of the key that is no secret.' }),
  ...keyProperties,
  createdAt: time,
  expiresAt: nullable('string', { format: 'date-time', description: 'Null: never.' }),
  lastUsedAt: nullable('string', { format: 'date-time', description: 'To the minute.' }),
};
const revocable = {
  tenant: name,
  subject: { ...name, description: 'Goes with its tenant.' },
  tokenId: { ...name, description: 'The `jti` of a token.' },
  key: { ...uuid, description: 'The id of an API key.' },
  job: { ...uuid, description: 'The id of a job: ends its viewer tokens, tickets and cookies.' },
};
const ONE_OF = ['tenant', 'tokenId', 'key', 'job'].map((one) => ({ required: [one] }));

export const accessSchemas: Record<string, Schema> = {
  TicketRequest: {
    oneOf: [object({ jobs: list(uuid, { minItems: 1, maxItems: 100 }) }), object({ feed: { const: true } })],
  },
  Ticket: object({ ticket: text({ description: 'Goes into `?ticket=`.' }), expiresAt: time }),
  ApiKeyRequest: {
    type: 'object',
    properties: {
      ...keyProperties,
      tenant: { ...name, description: 'Default: that of the caller.' },
      expiresAt: nullable('string', { format: 'date-time', description: 'In the future. Default: never.' }),
    },
    required: ['name', 'subject', 'scopes'],
    additionalProperties: false,
  },
  ApiKey: object(storedKey),
  NewApiKey: object({ ...storedKey, key: text({ description: '`jsk_…`, a bearer token.' }) }),
  ApiKeyPage: object({
    keys: list(schemaRef('ApiKey'), { maxItems: 100 }),
    nextCursor: nullable('string', { description: 'Give it as `cursor`; null on the last page.' }),
  }),
  RevocationRequest: {
    type: 'object',
    properties: revocable,
    oneOf: ONE_OF,
    dependentRequired: { subject: ['tenant'] },
    additionalProperties: false,
  },
  Revocation: { type: 'object', properties: { ...revocable, revokedAt: time }, required: ['revokedAt'] },
};
