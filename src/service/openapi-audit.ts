import { guarded, query, responseRef } from './openapi-parts.ts';
import { integer, list, nullable, object, type Schema, schemaRef, text, time } from './openapi-schemas.ts';

const action = text({ enum: ['submit', 'cancel', 'retry', 'revoke', 'create'] });

/** `GET /audit`. */
export const auditOperation = {
  tags: ['access'],
  operationId: 'readAudit',
  summary: 'Show who did what, newest first',
  description: 'Needs `jobs:admin`, which shows every tenant.',
  parameters: [
    query('action', action, 'Only entries of this kind.'),
    query('subject', text({ minLength: 1, maxLength: 255 }), 'Only what this subject did.'),
    query('limit', integer(1, { maximum: 100, default: 50 }), 'Entries per page.'),
    query('cursor', text(), '`nextCursor` of the page before.'),
  ],
  responses: {
    200: {
      description: 'A page of entries.',
      content: { 'application/json': { schema: schemaRef('AuditPage') } },
    },
    400: responseRef('BadRequest'),
    ...guarded,
  },
};

export const auditSchemas: Record<string, Schema> = {
  AuditEntry: object({
    id: text({ description: 'Grows with every entry.' }),
    at: time,
    tenant: nullable('string', { description: 'The tenant of who acted.' }),
    subject: text(),
    credential: nullable('string', {
      description: 'The public id of what they proved it with, `key:…` or `token:…`; null: it has none.',
    }),
    action,
    target: object({
      kind: text({ enum: ['job', 'key', 'token', 'subject', 'tenant'] }),
      id: text(),
    }),
    detail: { type: 'object', description: 'A few facts about the target, such as the type of a job.' },
  }),
  AuditPage: object({
    entries: list(schemaRef('AuditEntry'), { maxItems: 100 }),
    nextCursor: nullable('string', { description: 'Give it as `cursor`; null on the last page.' }),
  }),
};
