import { Injectable } from '@nestjs/common';
import { type Actor, APPLICATION, type AuditAction } from '../job/actor.ts';
import type { Job, JobFailure, JobStatus, Json, Progress } from '../job/job.ts';
import type { Visibility } from '../job/visibility.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { actorParameters, jobAuditSql } from './audit-sql.ts';
import { Events } from '../events/events.ts';
import type { Change } from '../events/facts.ts';
import {
  type AttemptRef,
  type ClaimedJob,
  jobColumns,
  type JobRef,
  type JobRow,
  toJob,
} from './job-columns.ts';
import { everyTenant } from './every-tenant.ts';
import { isVisible, visibleTo } from './visible.ts';
import { Database } from './database.ts';

/** How an attempt ended. `delayMs` says when a job that goes back to the queue is due. */
export interface Settlement extends AttemptRef {
  status: Exclude<JobStatus, 'active'>;
  reason: string;
  result: Json;
  error: JobFailure | null;
  delayMs: number;
  /** The last progress of the attempt; null where none was reported since it was stored. */
  progress: Progress | null;
  tick: number;
}

type MoveFact = 'claimed' | 'settled' | 'requeued';

/** What a move to each status is told as. */
const FACTS: Readonly<Record<JobStatus, MoveFact>> = {
  queued: 'requeued',
  active: 'claimed',
  completed: 'settled',
  failed: 'settled',
  cancelled: 'settled',
};

/** An expired lease is looked for in batches of this many. */
const SWEEP = 500;

/**
 * Every change of a job's status, each with its history row in one statement, each a compare-and-set:
 * who comes too late changes nothing. Nobody else writes status, version or history.
 */
@Injectable()
export class JobMoves {
  readonly #job: string;
  readonly #change: string;

  constructor(
    private readonly database: Database,
    private readonly options: ResolvedOptions,
    private readonly events: Events,
  ) {
    this.#job = database.table('job');
    this.#change = database.table('job_change');
  }

  /**
   * queued → active for the jobs that are still as they were offered and of a type that this worker knows.
   * Answers stand at the index asked; null where there was nothing to claim.
   */
  async claim(refs: JobRef[], types: string[], worker: string): Promise<(ClaimedJob | null)[]> {
    const rows = await this.#move<JobRow & { payload: Json }>({
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
    const jobs = this.#tell(rows.map(({ payload: _payload, ...row }) => row));
    const claimed = new Map(
      jobs.map((job, index) => [before(job), { ...job, payload: rows[index]?.payload ?? null }]),
    );
    return refs.map((ref) => take(claimed, ref));
  }

  /**
   * active → what the attempt came to; what would run again is cancelled where that was asked for meanwhile.
   * Answers stand at the index asked; null where the lease was lost.
   */
  async settle(settlements: Settlement[]): Promise<(Job | null)[]> {
    const cancelled = `i.status = 'queued' AND j.cancel_requested_at IS NOT NULL`;
    const status = `CASE WHEN ${cancelled} THEN 'cancelled' ELSE i.status END`;
    const rows = await this.#move<JobRow>({
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
    const settled = new Map(this.#tell(rows).map((job) => [before(job), job]));
    return settlements.map((settlement) => take(settled, settlement));
  }

  /** Leases that ran out: back to queued, or failed with `lease_lost` when every attempt is used up. */
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
      `CASE moved.status WHEN 'cancelled' THEN 'cancelled' ELSE 'lease_lost' END`,
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

  /** failed or cancelled → queued for a visible job, with one more attempt where all were used; null else. */
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

  /** Compare-and-set of the jobs in a JSON array of refs, locked in one order so that batches cannot deadlock. */
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
         SELECT j.id FROM ${this.#job} j JOIN input i USING (id)
         WHERE j.version = i.version AND ${move.where} ORDER BY j.id FOR UPDATE OF j
       ), moved AS (
         UPDATE ${this.#job} j SET ${move.set}, version = j.version + 1, updated_at = now(),
           change_xid = pg_current_xact_id()
         FROM input i, target t WHERE t.id = i.id AND j.id = i.id AND j.version = i.version AND ${move.where}
         RETURNING ${jobColumns('j')}, ${move.reason} AS reason${move.returning ?? ''}
       ), history AS (${this.#history()})
       SELECT * FROM moved`,
      move.parameters,
    );
  }

  /** With an act, the move is somebody's, whose parameters begin at the fifth; without, it is the sweeper's. */
  async #moveWhere(
    where: string,
    set: string,
    reason: string,
    parameters: unknown[],
    act?: { action: AuditAction; actor: Actor },
  ): Promise<Job[]> {
    const noted = act ? `, noted AS (${jobAuditSql(this.database.schema, act.action, 5, 'moved')})` : '';
    const scope = act ? '' : everyTenant('lease');
    const rows = await this.database.query<JobRow[]>(
      `${scope}WITH target AS (SELECT j.id FROM ${this.#job} j WHERE ${where}),
       updated AS (
         UPDATE ${this.#job} j SET ${set}, version = j.version + 1, updated_at = now(),
           change_xid = pg_current_xact_id()
         FROM target t WHERE j.id = t.id RETURNING ${jobColumns('j')}
       ), moved AS (SELECT *, ${reason.replaceAll('moved.', 'updated.')} AS reason FROM updated),
       history AS (${this.#history()})${noted}
       SELECT * FROM moved`,
      parameters,
    );
    return this.#tell(rows, act?.actor);
  }

  /** Tells what one statement committed: the new status says which fact each job belongs to. */
  #tell(rows: JobRow[], actor: Actor | null = null): Job[] {
    const changes = rows.map((row) => ({ job: toJob(row), reason: row.reason ?? '', actor }));
    const told = new Map<MoveFact, Change[]>();
    for (const change of changes) {
      const name = FACTS[change.job.status];
      const alike = told.get(name);
      if (alike) alike.push(change);
      else told.set(name, [change]);
    }
    for (const [name, jobs] of told) this.events.tell({ name, jobs });
    return changes.map(({ job }) => job);
  }

  #history(): string {
    return `INSERT INTO ${this.#change} (job_id, version, status, attempt, reason, run_at)
      SELECT id, version, status, attempt, reason, "runAt" FROM moved`;
  }
}

/** Progress belongs to an attempt: a job that goes back starts anew, a final one keeps its last. */
function progressAfter(status: string, progress: string, tick: string): string {
  return `progress = CASE ${status} WHEN 'queued' THEN NULL ELSE ${progress} END,
    progress_tick = CASE ${status} WHEN 'queued' THEN 0 ELSE ${tick} END`;
}

/** The job as it was before its move. */
function before({ id, version }: JobRef): string {
  return `${id} ${version - 1}`;
}

function take<T>(moved: Map<string, T>, { id, version }: JobRef): T | null {
  const key = `${id} ${version}`;
  const job = moved.get(key) ?? null;
  // Two equal refs in one batch: only the first has moved the job.
  moved.delete(key);
  return job;
}
