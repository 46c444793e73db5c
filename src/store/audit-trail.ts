import { Injectable } from '@nestjs/common';
import type { AuditAction, AuditEntry } from '../job/actor.ts';
import { everyTenant } from './every-tenant.ts';
import { inBatches } from './in-batches.ts';
import { Database } from './database.ts';

/** Most rows that one statement purges. */
const BATCH = 1_000;

export interface AuditFilter {
  action?: AuditAction | undefined;
  subject?: string | undefined;
  /** The tenant of the actor; null means any. */
  tenant: string | null;
}

/**
 * Reads and purges the audit. Its rows are written by `auditSql()` within the statements that make the changes, so that
 * there is never one without the other. `events/audit-log.ts` writes the log lines.
 */
@Injectable()
export class AuditTrail {
  constructor(private readonly database: Database) {}

  /** Matching entries, newest first, older than the id `before`. */
  async list(filter: AuditFilter, limit: number, before: string | null): Promise<AuditEntry[]> {
    return this.database.query<AuditEntry[]>(
      `SELECT id::text AS id, at, tenant, subject, credential, action,
         json_build_object('kind', target_kind, 'id', target_id) AS target, detail
       FROM ${this.database.table('audit')} a
       WHERE ($1::text IS NULL OR action = $1) AND ($2::text IS NULL OR subject = $2)
         AND ($3::text IS NULL OR tenant = $3) AND ($4::bigint IS NULL OR a.id < $4)
       ORDER BY a.id DESC LIMIT $5`,
      [filter.action ?? null, filter.subject ?? null, filter.tenant, before, limit],
    );
  }

  /** Deletes entries older than this in batches until none is left or it is stopped. Resolves to their number. */
  async purge(days: number, stop?: AbortSignal): Promise<number> {
    return inBatches(BATCH, () => this.#purgeBatch(days), stop);
  }

  async #purgeBatch(days: number): Promise<number> {
    // Ids grow with time, apart from overlapping transactions. The lowest ids are the oldest, so `at` needs no index.
    const [{ purged }] = await this.database.query<[{ purged: number }]>(
      `${everyTenant('age')}WITH first AS (
         SELECT id, at FROM ${this.database.table('audit')} ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
       ), purged AS (
         DELETE FROM ${this.database.table('audit')} a USING first f
         WHERE a.id = f.id AND f.at < now() - $1 * interval '1 day' RETURNING 1
       ) SELECT count(*)::int AS purged FROM purged`,
      [days],
    );
    return purged;
  }
}
