import type { Actor, AuditAction } from '../job/actor.ts';
import type { Database } from './database.ts';

/** SQL expressions over the columns of `from`. They become part of the statement, so they must be constants. */
interface AuditRows {
  action: AuditAction;
  from: string;
  /** The number of the first parameter of `actorParameters()`. If absent, the rows have a column `actor` with JSON. */
  actor?: number;
  /** The tenant of actors that have none. Default: the column `tenant`. */
  tenant?: string;
  /** What was acted on. Default: the job of the row. */
  target?: { kind: string; id: string; detail: string };
}

const JOB = { kind: `'job'`, id: 'id::text', detail: `json_build_object('type', type, 'tenant', tenant)` };

/** An INSERT into the audit, as part of the statement that makes the change: one entry for each row of `from`. */
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

/** The parameters of an actor, in the order that `auditSql()` expects. */
export function actorParameters({ tenant, subject, credential }: Actor): (string | null)[] {
  return [tenant, subject, credential];
}
