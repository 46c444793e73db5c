import type { Actor, AuditAction, AuditEntry } from '../job/actor.ts';

/** Expressions over the columns of `from`, and constants; they become part of the statement. */
interface AuditRows {
  action: AuditAction;
  kind: string;
  id: string;
  detail: string;
  tenant: string;
  subject: string;
  credential: string;
  from: string;
}

/** An INSERT into the audit for the statement that makes the change: one row for each row of `from`. */
export function auditSql(schema: string, rows: AuditRows): string {
  const { action, kind, id, detail, tenant, subject, credential, from } = rows;
  return `INSERT INTO "${schema}".audit (tenant, subject, credential, action, target_kind, target_id, detail)
    SELECT ${tenant}, ${subject}, ${credential}, '${action}', ${kind}, ${id}, ${detail} FROM ${from}`;
}

/** The same for one job that somebody changed; `first` is the number of the first of the actor's parameters. */
export function jobAuditSql(schema: string, action: AuditAction, first: number, from: string): string {
  return auditSql(schema, {
    action,
    kind: KIND.job,
    id: 'id::text',
    detail: JOB_DETAIL,
    tenant: `coalesce($${first}::text, tenant)`,
    subject: `$${first + 1}::text`,
    credential: `$${first + 2}::text`,
    from,
  });
}

export const KIND = { job: `'job'`, key: `'key'` } satisfies Partial<
  Record<AuditEntry['target']['kind'], string>
>;
export const JOB_DETAIL = `json_build_object('type', type, 'tenant', tenant)`;

/** The parameters of an actor, in the order that the statements expect. */
export function actorParameters({ tenant, subject, credential }: Actor): (string | null)[] {
  return [tenant, subject, credential];
}
