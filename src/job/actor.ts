import { z } from 'zod';
import { time, type WithDates } from './time.ts';

/** The author of an act, as the audit records it. No field is secret. */
export interface Actor {
  /** Null means the tenant of the target. */
  tenant: string | null;
  subject: string;
  /** Public id of the credential: `key:<id>`, `token:<jti>` or `application`. Null when the credential has no id. */
  credential: string | null;
}

/** Fills in the tenant of an actor that has none. */
export function actingIn(tenant: string | null, actor: Actor): Actor {
  return { ...actor, tenant: actor.tenant ?? tenant };
}

/** The actor of calls by the host's code that name no actor. */
export const APPLICATION: Actor = { tenant: null, subject: 'system', credential: 'application' };

export const AuditAction = z.enum(['submit', 'cancel', 'retry', 'revoke', 'create']);
export type AuditAction = z.infer<typeof AuditAction>;

export const AuditEntryView = z.object({
  id: z.string().describe('Grows with every entry; decimal text of a bigint.'),
  at: time.describe('Start of the transaction that did it, by the Postgres clock.'),
  tenant: z.string().nullable().describe('Tenant of the actor.'),
  subject: z.string(),
  credential: z
    .string()
    .nullable()
    .describe('Public id of the credential: `key:…`, `token:…` or `application`; null when it has none.'),
  action: AuditAction,
  target: z
    .object({ kind: z.enum(['job', 'key', 'token', 'subject', 'tenant']), id: z.string() })
    .describe('What was acted on: a job, an API key, or the target of a revocation.'),
  detail: z
    .record(z.string(), z.unknown())
    .describe("A few facts about the target, such as a job's type and tenant; never a secret or a payload."),
});

/** A stored entry of the audit. */
export type AuditEntry = WithDates<z.infer<typeof AuditEntryView>, 'at'>;

/** An entry without the id and time that the table adds; log lines have this form. */
export type Act = Omit<AuditEntry, 'id' | 'at'>;
