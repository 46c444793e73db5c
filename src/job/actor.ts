import { z } from 'zod';
import { time, type WithDates } from './time.ts';

/** Who did something, as the audit names them: nothing in it is a secret. */
export interface Actor {
  /** Null: that of what was acted on. */
  tenant: string | null;
  subject: string;
  /** The public id of what they proved it with: `key:<id>`, `token:<jti>`, `application`; null: it has none. */
  credential: string | null;
}

/** The actor, in this tenant where they are of none of their own. */
export function actingIn(tenant: string | null, actor: Actor): Actor {
  return { ...actor, tenant: actor.tenant ?? tenant };
}

/** The host's own code, where it does not say for whom it acts. */
export const APPLICATION: Actor = { tenant: null, subject: 'system', credential: 'application' };

export const AuditAction = z.enum(['submit', 'cancel', 'retry', 'revoke', 'create']);
export type AuditAction = z.infer<typeof AuditAction>;

export const AuditEntryView = z.object({
  id: z.string().describe('Grows with every entry; decimal text of a bigint.'),
  at: time.describe('When the transaction of the act began, by the clock of Postgres.'),
  tenant: z.string().nullable().describe('The tenant of who acted.'),
  subject: z.string(),
  credential: z
    .string()
    .nullable()
    .describe(
      'The public id of what they proved it with: `key:…`, `token:…`, `application`; null: it has none.',
    ),
  action: AuditAction,
  target: z
    .object({ kind: z.enum(['job', 'key', 'token', 'subject', 'tenant']), id: z.string() })
    .describe('What was acted on: a job, a key, or what a revocation names.'),
  detail: z
    .record(z.string(), z.unknown())
    .describe("A few facts about the target, such as a job's type and tenant; never a secret or a payload."),
});

/** An act that is on record. */
export type AuditEntry = WithDates<z.infer<typeof AuditEntryView>, 'at'>;

/** One act, as it stands in the table and in the log. */
export type Act = Omit<AuditEntry, 'id' | 'at'>;
