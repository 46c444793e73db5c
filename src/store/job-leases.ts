import { Injectable } from '@nestjs/common';
import { type Actor, APPLICATION } from '../job/actor.ts';
import type { Job } from '../job/job.ts';
import type { Visibility } from '../job/visibility.ts';
import { Events } from '../events/events.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { actorParameters, auditSql } from './audit-sql.ts';
import { JOB_COLUMNS, jobOf, type RunningUpdate } from './job-columns.ts';
import { isVisible, visibleTo } from './visible.ts';
import { Database } from './database.ts';

/** What a worker learns from the row of its running job. */
export interface Lease {
  id: string;
  version: number;
  cancelRequested: boolean;
}

/** Writes to running jobs without changing status or version: leases, progress and requests to cancel. */
@Injectable()
export class JobLeases {
  constructor(
    private readonly database: Database,
    private readonly options: ResolvedOptions,
    private readonly events: Events,
  ) {}

  /**
   * Renews the leases of all running jobs of a worker and stores their newest progress, in one statement. Resolves to
   * the leases that the worker still holds; a missing job was taken away from it.
   */
  async renew(updates: RunningUpdate[]): Promise<Lease[]> {
    // TypeORM returns `[rows, count]` for a bare UPDATE, but plain rows for a SELECT around it.
    return this.database.query<Lease[]>(
      `WITH input AS (
         SELECT * FROM json_to_recordset($1) AS r(id uuid, version int, tenant text, progress json, tick bigint)
       ), target AS (
         SELECT j.id FROM ${this.database.table('job')} j JOIN input i USING (id)
         WHERE j.version = i.version AND j.tenant = i.tenant AND j.status = 'active' ORDER BY j.id FOR UPDATE OF j
       ), renewed AS (
       UPDATE ${this.database.table('job')} j SET lease_until = now() + $2 * interval '1 ms',
         progress = coalesce(i.progress, j.progress),
         progress_tick = CASE WHEN i.progress IS NULL THEN j.progress_tick ELSE i.tick END,
         updated_at = CASE WHEN i.progress IS NULL THEN j.updated_at ELSE now() END
       FROM input i, target t
       WHERE t.id = i.id AND j.id = i.id AND j.version = i.version AND j.tenant = i.tenant AND j.status = 'active'
       RETURNING j.id, j.version, j.cancel_requested_at IS NOT NULL AS "cancelRequested"
       ) SELECT * FROM renewed`,
      [JSON.stringify(updates), this.options.leaseMs],
    );
  }

  /**
   * Stores a request to cancel a visible active job; null when the job is not active. A repeated request changes
   * nothing.
   */
  async requestCancel(
    id: string,
    visibility: Visibility,
    actor: Actor = APPLICATION,
  ): Promise<(Job & { repeated: boolean }) | null> {
    const [row] = await this.database.query<(Job & { repeated: boolean })[]>(
      `WITH target AS (
         SELECT j.id, j.cancel_requested_at IS NOT NULL AS repeated FROM ${this.database.table('job')} j
         WHERE j.id = $1 AND j.status = 'active' AND ${isVisible(2)}
         FOR UPDATE
       ), asked AS (
         UPDATE ${this.database.table('job')} j SET cancel_requested_at = coalesce(j.cancel_requested_at, now()),
           updated_at = CASE WHEN j.cancel_requested_at IS NULL THEN now() ELSE j.updated_at END
         FROM target t WHERE j.id = t.id
         RETURNING ${JOB_COLUMNS}, t.repeated
       ), noted AS (${auditSql(this.database, { action: 'cancel', from: 'asked WHERE NOT repeated', actor: 5 })})
       SELECT * FROM asked`,
      [id, ...visibleTo(visibility), ...actorParameters(actor)],
    );
    if (!row) return null;
    this.events.tell({ name: 'cancelRequested', job: jobOf(row), actor, repeated: row.repeated });
    return row;
  }
}
