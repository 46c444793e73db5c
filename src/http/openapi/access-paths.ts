import { NewApiKeyView, Ticket } from '../../job/credentials.ts';
import { ApiKeyPage, AuditPage, RevocationAnswer } from '../answers.ts';
import { ApiKeysQuery, AuditQuery } from '../queries.ts';
import { ApiKeyRequest, RevocationRequest, TicketRequest } from '../requests.ts';
import { guarded, id, json, jsonBody, queryOf, responseRef, withBody } from './parts.ts';

const ADMIN = 'Needs `jobs:admin`.';

const ticket = {
  tags: ['access'],
  operationId: 'issueTicket',
  summary: 'Make a ticket for an EventSource, which cannot send headers',
  description: 'Needs what reading the jobs needs. The ticket opens their streams for 60 seconds.',
  requestBody: jsonBody(TicketRequest),
  responses: {
    201: json('The ticket.', Ticket),
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
  requestBody: jsonBody(ApiKeyRequest),
  responses: { 201: json('The key.', NewApiKeyView), ...withBody },
};

const listKeys = {
  tags: ['access'],
  operationId: 'listApiKeys',
  summary: 'List API keys that were not revoked, newest first',
  description: ADMIN,
  parameters: queryOf(ApiKeysQuery),
  responses: { 200: json('A page of keys.', ApiKeyPage), 400: responseRef('BadRequest'), ...guarded },
};

const revokeKey = {
  tags: ['access'],
  operationId: 'revokeApiKey',
  summary: 'Revoke an API key',
  description: `${ADMIN} Streams that it opened end within a second.`,
  parameters: [id],
  responses: { 204: { description: 'It is revoked.' }, ...guarded, 404: responseRef('ApiKeyNotFound') },
};

const revoke = {
  tags: ['access'],
  operationId: 'revoke',
  summary: 'Revoke what was issued until now',
  description: `${ADMIN} Streams that it opened end within a second, on every process.`,
  requestBody: jsonBody(RevocationRequest),
  responses: { 201: json('What was revoked.', RevocationAnswer), ...withBody },
};

const audit = {
  tags: ['access'],
  operationId: 'readAudit',
  summary: 'Show who did what, newest first',
  description: 'Needs `jobs:admin`, which shows every tenant.',
  parameters: queryOf(AuditQuery),
  responses: { 200: json('A page of entries.', AuditPage), 400: responseRef('BadRequest'), ...guarded },
};

/** The operations on credentials, and the audit. */
export const ACCESS_PATHS = {
  '/tickets': { post: ticket },
  '/api-keys': { post: createKey, get: listKeys },
  '/api-keys/{id}': { delete: revokeKey },
  '/revocations': { post: revoke },
  '/audit': { get: audit },
};
