import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type Actor, APPLICATION } from '../job/actor.ts';
import { actorParameters, auditSql } from './audit-sql.ts';
import { everyTenant } from './every-tenant.ts';
import { Database } from './database.ts';

/** Something that can be revoked. `tenant` and `value` are empty for kinds that do not use them. */
export interface Revocable {
  kind: 'tenant' | 'subject' | 'token' | 'key' | 'job';
  tenant: string;
  /** The subject, or the id of the token, the API key or the job. */
  value: string;
}

/** One way in which a credential can be revoked. A credential has several. */
export interface Mark extends Revocable {
  /** Only revocations at this time or later apply; null means any. */
  since: Date | null;
}

export interface Revocation extends Revocable {
  at: Date;
  /** Grows with every revocation; decimal text of a bigint. */
  number: string;
}

/** An arbitrary number that is the same in every process. */
const LOCK = 5_062_831_775;

const AUDIT = {
  action: 'revoke',
  from: 'added',
  actor: 4,
  tenant: `nullif(tenant, '')`,
  target: {
    kind: 'kind',
    id: `CASE kind WHEN 'tenant' THEN tenant ELSE value END`,
    detail: `CASE WHEN tenant = '' THEN '{}' ELSE json_build_object('tenant', tenant) END`,
  },
} as const;

/** The revocations. They are kept in Postgres so that a loss of data in Redis cannot revive a credential. */
@Injectable()
export class RevocationStore {
  constructor(private readonly database: Database) {}

  /** Revokes in the given transaction, or in a new one. Resolves to the time of the revocation. */
  async add(revocable: Revocable, actor: Actor = APPLICATION, manager?: EntityManager): Promise<Date> {
    if (!manager) return this.database.transaction((own) => this.add(revocable, actor, own));
    // The lock is held until the commit, so that numbers become visible in order and readers can continue from the last
    // one.
    await manager.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const { kind, tenant, value } = revocable;
    const [{ at }] = await manager.query<[{ at: Date }]>(
      `WITH added AS (
         INSERT INTO ${this.database.table('revocation')} (kind, tenant, value) VALUES ($1, $2, $3)
         ON CONFLICT (kind, tenant, value) DO UPDATE SET at = excluded.at, number = DEFAULT RETURNING *
       ), noted AS (${auditSql(this.database, AUDIT)})
       SELECT at FROM added`,
      [kind, tenant, value, ...actorParameters(actor)],
    );
    return at;
  }

  /** The indexes of the credentials that are revoked, and the number of the newest revocation that was considered. */
  async check(credentials: Mark[][]): Promise<{ revoked: Set<number>; newest: string }> {
    const marks = credentials.flatMap((own, index) => own.map((mark) => ({ ...mark, index })));
    const [row] = await this.database.query<[{ revoked: number[]; newest: string }]>(
      `SELECT coalesce((SELECT max(number) FROM ${this.database.table('revocation')}), 0)::text AS newest,
         ARRAY(
           SELECT m.index FROM json_to_recordset($1)
             AS m(index int, kind text, tenant text, value text, since timestamptz)
           JOIN ${this.database.table('revocation')} r ON r.kind = m.kind AND r.tenant = m.tenant AND r.value = m.value
           WHERE m.since IS NULL OR r.at >= m.since
         ) AS revoked`,
      [JSON.stringify(marks)],
    );
    return { revoked: new Set(row.revoked), newest: row.newest };
  }

  /** Revocations after this number, oldest first. */
  async after(number: string, limit: number): Promise<Revocation[]> {
    return this.database.query<Revocation[]>(
      `${everyTenant('streams')}SELECT kind, tenant, value, at, number::text AS number FROM ${this.database.table('revocation')}
       WHERE number > $1::bigint ORDER BY ${this.database.table('revocation')}.number LIMIT $2`,
      [number, limit],
    );
  }
}
