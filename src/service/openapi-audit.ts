import { responseRef } from './openapi-parts.ts';
import { type Schema, schemaRef } from './openapi-schemas.ts';

const text: Schema = { type: 'string' };
const textOrNull: Schema = { type: ['string', 'null'] };
const action: Schema = { type: 'string', enum: ['submit', 'cancel', 'retry', 'revoke', 'create'] };

function object(properties: Record<string, Schema>): Schema {
  return { type: 'object', required: Object.keys(properties), properties };
}

function query(name: string, schema: Schema, description: string): object {
  return { name, in: 'query', description, schema };
}

/** `GET /audit`. */
export const auditOperation = {
  tags: ['access'],
  operationId: 'readAudit',
  summary: 'Show who did what, newest first',
  description: 'Needs `jobs:admin`, and shows every tenant.',
  parameters: [
    query('action', action, 'Only entries of this kind.'),
    query('subject', { ...text, minLength: 1, maxLength: 255 }, 'Only what this subject did.'),
    query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 50 }, 'Entries per page.'),
    query('cursor', text, '`nextCursor` of the page before.'),
  ],
  responses: {
    200: {
      description: 'A page of entries.',
      content: { 'application/json': { schema: schemaRef('AuditPage') } },
    },
    400: responseRef('BadRequest'),
    401: responseRef('Unauthorized'),
    403: responseRef('Forbidden'),
    503: responseRef('Unavailable'),
  },
};

export const auditSchemas: Record<string, Schema> = {
  AuditEntry: object({
    id: { ...text, description: 'Grows with every entry.' },
    at: { ...text, format: 'date-time', description: 'ISO 8601 in UTC, by the clock of Postgres.' },
    tenant: { ...textOrNull, description: 'The tenant of who acted.' },
    subject: text,
    credential: {
      ...textOrNull,
      description: 'The public id of what they proved it with, `key:…` or `token:…`; null: it has none.',
    },
    action,
    target: object({
      kind: { ...text, enum: ['job', 'key', 'token', 'subject', 'tenant'] },
      id: text,
    }),
    detail: { type: 'object', description: 'A few facts about the target, such as the type of a job.' },
  }),
  AuditPage: object({
    entries: { type: 'array', items: schemaRef('AuditEntry'), maxItems: 100 },
    nextCursor: { ...textOrNull, description: 'Give it as `cursor`; null on the last page.' },
  }),
};
