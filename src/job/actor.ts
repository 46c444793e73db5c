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

export const AUDIT_ACTIONS = ['submit', 'cancel', 'retry', 'revoke', 'create'] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** What was acted on: a job, a key, or what a revocation names. */
export interface AuditTarget {
  kind: 'job' | 'key' | 'token' | 'subject' | 'tenant';
  id: string;
}

/** One act, as it stands in the table and in the log. */
export interface Act {
  tenant: string | null;
  subject: string;
  credential: string | null;
  action: AuditAction;
  target: AuditTarget;
  /** A few facts about the target, such as a job's type and tenant; never a secret or a payload. */
  detail: Record<string, unknown>;
}

/** An act that is on record. */
export interface AuditEntry extends Act {
  /** Grows; decimal text of a bigint. */
  id: string;
  /** When the transaction of the act began, by the clock of Postgres. */
  at: Date;
}
