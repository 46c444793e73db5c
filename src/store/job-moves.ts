import { Injectable } from '@nestjs/common';
import { type Actor, APPLICATION, type AuditAction } from '../job/actor.ts';
import type { Job, JobFailure, JobStatus, Json, Progress } from '../job/job.ts';
import type { Visibility } from '../job/visibility.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { actorParameters, auditSql } from './audit-sql.ts';
import { Events } from '../events/events.ts';
import { type AttemptRef, type ClaimedJob, JOB_COLUMNS, jobOf, type JobRef } from './job-columns.ts';
import { everyTenant } from './every-tenant.ts';
import { isVisible, visibleTo } from './visible.ts';
import { Database } from './database.ts';

/** How an attempt ended. `delayMs` is the delay until a requeued job is due. */
export interface Settlement extends AttemptRef {
  status: Exclude<JobStatus, 'active'>;
  reason: string;
  result: Json;
  error: JobFailure | null;
  delayMs: number;
  /** The last progress of the attempt; null when nothing was reported since it was stored. */
  progress: Progress | null;
  tick: number;
}

/** A job after the change, and the reason of the change. */
type Moved = Job & { reason: string };

/** Most expired leases that one statement handles. */
const SWEEP = 500;

/**
 * All changes of a job's status. Each is a compare-and-set on the version in one statement that also writes the history
 * row, so a late worker changes nothing. No other class writes status, version or history.
 */
@Injectable()
export class JobMoves {
  constructor(
    private readonly database: Database,
    private readonly options: ResolvedOptions,
    private readonly events: Events,
  ) {}

  /**
   * queued → active, for jobs that still have the offered version and a type that this worker handles. Returns one
   * answer per ref, in order; null when there was nothing to claim.
   */
  async claim(refs: JobRef[], types: string[], worker: string): Promise<(ClaimedJob | null)[]> {
    const rows = await this.#move<Moved & ClaimedJob>({
      scope: everyTenant('claim'),
      input: 'id uuid, version int',
      where: `j.status = 'queued' AND j.run_at <= now() AND j.type = ANY($2)`,
      set: `status = 'active', attempt = j.attempt + 1, lease_until = now() + $3 * interval '1 ms', worker = $4,
        started_at = now(), finished_at = NULL, stage = NULL, offer_again_at = NULL, progress = NULL,
        progress_tick = 0, result = NULL, error_code = NULL, error_message = NULL, cancel_requested_at = NULL`,
      reason: `'claimed'`,
      returning: ', j.payload',
      parameters: [JSON.stringify(refs), types, this.options.leaseMs, worker],
    });
    this.#tell(rows);
    return inOrderOf(refs, rows);
  }

  /**
   * active → the outcome of the attempt. A job that would be queued again is cancelled if that was requested meanwhile.
   * Returns one answer per settlement, in order; null when the lease was lost.
   */
  async settle(settlements: Settlement[]): Promise<(Job | null)[]> {
    const cancelled = `i.status = 'queued' AND j.cancel_requested_at IS NOT NULL`;
    const status = `CASE WHEN ${cancelled} THEN 'cancelled' ELSE i.status END`;
    const rows = await this.#move<Moved>({
      input: `id uuid, version int, tenant text, status text, reason text, result json, error json, "delayMs" bigint,
        progress json, tick bigint`,
      where: `j.tenant = i.tenant AND j.status = 'active'`,
      set: `status = ${status}, result = i.result,
        error_code = CASE WHEN NOT (${cancelled}) THEN i.error ->> 'code' END,
        error_message = CASE WHEN NOT (${cancelled}) THEN i.error ->> 'message' END, lease_until = NULL, worker = NULL,
        run_at = CASE ${status} WHEN 'queued' THEN now() + i."delayMs" * interval '1 ms' ELSE j.run_at END,
        stage = CASE WHEN ${status} <> 'queued' THEN NULL WHEN i."delayMs" > 0 THEN 'later' ELSE 'ready' END,
        finished_at = CASE ${status} WHEN 'queued' THEN NULL ELSE now() END,
        ${progressAfter(status, 'coalesce(i.progress, j.progress)', 'greatest(i.tick, j.progress_tick)')}`,
      reason: `CASE WHEN j.status = 'cancelled' THEN 'cancelled' ELSE i.reason END`,
      parameters: [JSON.stringify(settlements)],
    });
    return inOrderOf(settlements, this.#tell(rows));
  }

  /**
   * Expired leases: active → queued, or failed with `lease_lost` when no attempt is left, or cancelled when that was
   * requested.
   */
  async expireLeases(): Promise<Job[]> {
    const status = `CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
      WHEN j.attempt >= j.max_attempts THEN 'failed' ELSE 'queued' END`;
    return this.#moveWhere(
      `j.status = 'active' AND j.lease_until < now() ORDER BY j.lease_until LIMIT ${SWEEP} FOR UPDATE SKIP LOCKED`,
      `status = ${status}, lease_until = NULL, worker = NULL,
       error_code = CASE WHEN j.cancel_requested_at IS NULL THEN 'lease_lost' END,
       error_message = CASE WHEN j.cancel_requested_at IS NULL
         THEN 'The worker that ran the job stopped answering.' END,
       run_at = CASE ${status} WHEN 'queued' THEN now() ELSE j.run_at END,
       stage = CASE ${status} WHEN 'queued' THEN 'ready' END,
       finished_at = CASE ${status} WHEN 'queued' THEN NULL ELSE now() END,
       ${progressAfter(status, 'j.progress', 'j.progress_tick')}`,
      `CASE updated.status WHEN 'cancelled' THEN 'cancelled' ELSE 'lease_lost' END`,
      [],
    );
  }

  /** queued → cancelled for a visible job; null when it is not queued. */
  async cancelQueued(id: string, visibility: Visibility, actor: Actor = APPLICATION): Promise<Job | null> {
    const [job] = await this.#moveWhere(
      `j.id = $1 AND j.status = 'queued' AND ${isVisible(2)} FOR UPDATE`,
      `status = 'cancelled', stage = NULL, offer_again_at = NULL, finished_at = now(),
       cancel_requested_at = now(), error_code = NULL, error_message = NULL`,
      `'cancelled'`,
      [id, ...visibleTo(visibility), ...actorParameters(actor)],
      { action: 'cancel', actor },
    );
    return job ?? null;
  }

  /** failed or cancelled → queued for a visible job; null when it is neither. Adds an attempt when all were used. */
  async retry(id: string, visibility: Visibility, actor: Actor = APPLICATION): Promise<Job | null> {
    const [job] = await this.#moveWhere(
      `j.id = $1 AND j.status IN ('failed', 'cancelled') AND ${isVisible(2)} FOR UPDATE`,
      `status = 'queued', stage = 'ready', run_at = now(), finished_at = NULL, started_at = NULL,
       cancel_requested_at = NULL, error_code = NULL, error_message = NULL, result = NULL, progress = NULL,
       progress_tick = 0, max_attempts = greatest(j.max_attempts, j.attempt + 1)`,
      `'retried_by_hand'`,
      [id, ...visibleTo(visibility), ...actorParameters(actor)],
      { action: 'retry', actor },
    );
    return job ?? null;
  }

  /**
   * Compare-and-set for the jobs in a JSON array of refs. Rows are locked in the order of their ids, so that batches
   * cannot deadlock.
   */
  async #move<Row>(move: {
    scope?: string;
    input: string;
    where: string;
    set: string;
    reason: string;
    returning?: string;
    parameters: unknown[];
  }): Promise<Row[]> {
    return this.database.query<Row[]>(
      `${move.scope ?? ''}WITH input AS (SELECT * FROM json_to_recordset($1) AS r(${move.input})),
       target AS (
         SELECT j.id FROM ${this.database.table('job')} j JOIN input i USING (id)
         WHERE j.version = i.version AND ${move.where} ORDER BY j.id FOR UPDATE OF j
       ), moved AS (
         UPDATE ${this.database.table('job')} j SET ${move.set}, version = j.version + 1, updated_at = now(),
           change_xid = pg_current_xact_id()
         FROM input i, target t WHERE t.id = i.id AND j.id = i.id AND j.version = i.version AND ${move.where}
         RETURNING ${JOB_COLUMNS}, ${move.reason} AS reason${move.returning ?? ''}
       ), history AS (${this.#history()})
       SELECT * FROM moved`,
      move.parameters,
    );
  }

  /** With `act`, a caller makes the change, and the actor's parameters start at $5. Without it, the sweeper does. */
  async #moveWhere(
    where: string,
    set: string,
    reason: string,
    parameters: unknown[],
    act?: { action: AuditAction; actor: Actor },
  ): Promise<Job[]> {
    const noted = act
      ? `, noted AS (${auditSql(this.database, { action: act.action, from: 'moved', actor: 5 })})`
      : '';
    const scope = act ? '' : everyTenant('lease');
    const rows = await this.database.query<Moved[]>(
      `${scope}WITH target AS (SELECT j.id FROM ${this.database.table('job')} j WHERE ${where}),
       updated AS (
         UPDATE ${this.database.table('job')} j SET ${set}, version = j.version + 1, updated_at = now(),
           change_xid = pg_current_xact_id()
         FROM target t WHERE j.id = t.id RETURNING ${JOB_COLUMNS}
       ), moved AS (SELECT *, ${reason} AS reason FROM updated),
       history AS (${this.#history()})${noted}
       SELECT * FROM moved`,
      parameters,
    );
    return this.#tell(rows, act?.actor);
  }

  /** Tells the facts of one committed statement. The new status decides which fact a job belongs to. */
  #tell(rows: Moved[], actor: Actor | null = null): Job[] {
    const changes = rows.map((row) => ({ job: jobOf(row), reason: row.reason, actor }));
    for (const name of ['claimed', 'settled', 'requeued'] as const)
      this.events.tell({ name, jobs: changes.filter(({ job }) => factOf(job.status) === name) });
    return changes.map(({ job }) => job);
  }

  #history(): string {
    return `INSERT INTO ${this.database.table('job_change')} (job_id, version, status, attempt, reason, run_at)
      SELECT id, version, status, attempt, reason, "runAt" FROM moved`;
  }
}

/** Progress belongs to an attempt: a requeued job starts without any, and a final job keeps its last. */
function progressAfter(status: string, progress: string, tick: string): string {
  return `progress = CASE ${status} WHEN 'queued' THEN NULL ELSE ${progress} END,
    progress_tick = CASE ${status} WHEN 'queued' THEN 0 ELSE ${tick} END`;
}

function factOf(status: JobStatus): 'claimed' | 'settled' | 'requeued' {
  if (status === 'active') return 'claimed';
  return status === 'queued' ? 'requeued' : 'settled';
}

/** The changed job for each ref (refs have the previous version); null when it was not changed. */
function inOrderOf<T extends JobRef>(refs: JobRef[], moved: T[]): (T | null)[] {
  const byRef = new Map(moved.map((job) => [`${job.id} ${job.version - 1}`, job]));
  return refs.map(({ id, version }) => {
    const key = `${id} ${version}`;
    const job = byRef.get(key) ?? null;
    // If a batch has two equal refs, only the first one changed the job.
    byRef.delete(key);
    return job;
  });
}
