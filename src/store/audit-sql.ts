import type { Actor, AuditAction } from '../job/actor.ts';
import type { Database } from './database.ts';

/** Expressions over the columns of `from`, and constants; they become part of the statement. */
interface AuditRows {
  action: AuditAction;
  from: string;
  /** The number of the first of `actorParameters()`; none: the rows have an `actor`, as JSON. */
  actor?: number;
  /** That of the actor where the actor has none. Default: the column `tenant`. */
  tenant?: string;
  /** What was acted on. Default: a job, whose row it is. */
  target?: { kind: string; id: string; detail: string };
}

const JOB = { kind: `'job'`, id: 'id::text', detail: `json_build_object('type', type, 'tenant', tenant)` };

/** An INSERT into the audit for the statement that makes the change: one row for each row of `from`. */
export function auditSql(
  database: Database,
  { action, from, actor, tenant = 'tenant', target = JOB }: AuditRows,
): string {
  const [own, subject, credential] = ['tenant', 'subject', 'credential'].map((name, index) =>
    actor === undefined ? `actor ->> '${name}'` : `$${actor + index}::text`,
  );
  return `INSERT INTO ${database.table('audit')} (tenant, subject, credential, action, target_kind, target_id, detail)
    SELECT coalesce(${own}, ${tenant}), ${subject}, ${credential}, '${action}', ${target.kind}, ${target.id}, ${target.detail}
    FROM ${from}`;
}

/** The parameters of an actor, in the order that the statements expect. */
export function actorParameters({ tenant, subject, credential }: Actor): (string | null)[] {
  return [tenant, subject, credential];
}
