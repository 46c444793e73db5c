import { Injectable, Logger } from '@nestjs/common';
import { type Act, actingIn, type Actor, type AuditAction, type AuditEntry } from '../job/actor.ts';
import type { Job } from '../job/job.ts';
import { everyTenant } from './every-tenant.ts';
import { inBatches } from './in-batches.ts';
import { Database } from './database.ts';

/** Rows that one statement purges. */
const BATCH = 1_000;

export interface AuditFilter {
  action?: AuditAction | undefined;
  subject?: string | undefined;
  /** That of who acted; null: any. */
  tenant: string | null;
}

/**
 * Who changed what. The rows are written by the statements that make the changes, with `auditSql()`, so that
 * neither is ever without the other; the lines in the log follow once those are committed.
 */
@Injectable()
export class AuditTrail {
  readonly #log = new Logger('Jobstream audit');
  readonly #table: string;

  constructor(private readonly database: Database) {
    this.#table = database.table('audit');
  }

  /** Writes a line of JSON into the log; call it once the change is committed. */
  tell(act: Act): void {
    this.#log.log(JSON.stringify(act));
  }

  /** The same for a change of a job. */
  tellOfJob(action: AuditAction, job: Pick<Job, 'id' | 'type' | 'tenant'>, actor: Actor): void {
    const { id, type, tenant } = job;
    const by = actingIn(tenant, actor);
    this.tell({ ...by, action, target: { kind: 'job', id }, detail: { type, tenant } });
  }

  /** What matches, newest first, from entries older than the one with the id `before` on. */
  async list(filter: AuditFilter, limit: number, before: string | null): Promise<AuditEntry[]> {
    return this.database.query<AuditEntry[]>(
      `SELECT id::text AS id, at, tenant, subject, credential, action,
         json_build_object('kind', target_kind, 'id', target_id) AS target, detail
       FROM ${this.#table} a
       WHERE ($1::text IS NULL OR action = $1) AND ($2::text IS NULL OR subject = $2)
         AND ($3::text IS NULL OR tenant = $3) AND ($4::bigint IS NULL OR a.id < $4)
       ORDER BY a.id DESC LIMIT $5`,
      [filter.action ?? null, filter.subject ?? null, filter.tenant, before, limit],
    );
  }

  /** Removes entries older than this in batches until none is left, or it is stopped; resolves to their number. */
  async purge(days: number, stop?: AbortSignal): Promise<number> {
    return inBatches(BATCH, () => this.#purgeBatch(days), stop);
  }

  async #purgeBatch(days: number): Promise<number> {
    // Ids grow with time but for the length of a transaction, so the oldest are the first: time needs no index.
    const [{ purged }] = await this.database.query<[{ purged: number }]>(
      `${everyTenant('age')}WITH first AS (
         SELECT id, at FROM ${this.#table} ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
       ), purged AS (
         DELETE FROM ${this.#table} a USING first f
         WHERE a.id = f.id AND f.at < now() - $1 * interval '1 day' RETURNING 1
       ) SELECT count(*)::int AS purged FROM purged`,
      [days],
    );
    return purged;
  }
}
