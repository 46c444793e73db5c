import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../job/actor.ts';
import type { Cursor } from '../job/cursor.ts';
import type { Job, JobChange, Json, TenantJob } from '../job/job.ts';
import type { Visibility } from '../job/visibility.ts';
import { auditSql } from './audit-sql.ts';
import { JOB_COLUMNS, jobOf } from './job-columns.ts';
import { isVisible, visibleTo } from './visible.ts';
import { Database } from './database.ts';

/** A job to insert. The submitter creates its id and hash. */
export interface NewJob {
  id: string;
  type: string;
  queue: string;
  tenant: string;
  owner: string | null;
  maxAttempts: number;
  priority: number;
  tags: string[];
  idempotencyKey: string | null;
  payloadHash: string;
  payload: Json;
  /** Null means at once. */
  runAt: Date | null;
  /** Who submits it, for the audit. */
  actor: Actor;
}

/** The result of a submit: a new job, or the existing one of its idempotency key. */
export interface InsertedJob {
  job: Job;
  replayed: boolean;
  samePayload: boolean;
}

/** A job, and the version after which its changes are wanted. */
export interface ChangesRef extends TenantJob {
  after: number;
}

/**
 * Most tries of a submit. It is repeated when a purge interferes, which is rare; this many in a row have another cause.
 */
const INSERT_TRIES = 5;

/** Reads jobs and inserts them; what changes a job's status is in `JobMoves`. */
@Injectable()
export class JobStore {
  constructor(private readonly database: Database) {}

  /**
   * Inserts jobs with their first history and audit rows in one statement, or finds the existing jobs of their
   * idempotency keys. Returns one answer per job, in order.
   */
  async insert(jobs: NewJob[], manager?: EntityManager): Promise<InsertedJob[]> {
    const answers = new Map<string, InsertedJob>();
    const open = (): NewJob[] => jobs.filter(({ id }) => !answers.has(id));
    // The existing job of a key may be purged between the two statements. The key is free again then, so try again.
    for (let tries = 0; tries < INSERT_TRIES && open().length > 0; tries += 1)
      for (const [id, inserted] of await this.#insertOrFind(open(), manager)) answers.set(id, inserted);
    return jobs.map(({ id, type }) => {
      const answer = answers.get(id);
      if (!answer)
        throw new Error(
          `Submitting a job of the type ${type} failed: the existing job of its idempotency key was purged ${INSERT_TRIES} times meanwhile. Submit it again.`,
        );
      return answer;
    });
  }

  /** Answers by the ids of `jobs`. A job is missing when the existing job of its key was purged meanwhile. */
  async #insertOrFind(jobs: NewJob[], manager?: EntityManager): Promise<Map<string, InsertedJob>> {
    // A fixed order, because two batches with the same keys would otherwise deadlock.
    const sorted = jobs.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const rows = await this.database.query<Job[]>(this.#insertSql(), [JSON.stringify(sorted)], manager);
    const answers = new Map<string, InsertedJob>(
      rows.map((row) => [row.id, { job: row, replayed: false, samePayload: true }]),
    );
    const others = jobs.filter(({ id }) => !answers.has(id));
    for (const [id, earlier] of await this.findRepeated(others, manager)) answers.set(id, earlier);
    return answers;
  }

  /** The jobs that the idempotency keys of these made before, by the ids that are asked for. */
  async findRepeated(jobs: readonly NewJob[], manager?: EntityManager): Promise<Map<string, InsertedJob>> {
    const keyed = jobs.filter(({ idempotencyKey }) => idempotencyKey !== null);
    const earlier = await this.#findByKey(keyed, manager);
    const answers = new Map<string, InsertedJob>();
    for (const job of keyed) {
      const found = earlier.get(keyOf(job));
      const samePayload = found?.payloadHash === job.payloadHash;
      if (found) answers.set(job.id, { job: found.job, replayed: true, samePayload });
    }
    return answers;
  }

  async #findByKey(jobs: NewJob[], manager?: EntityManager) {
    const found = new Map<string, { job: Job; payloadHash: string }>();
    if (jobs.length === 0) return found;
    const rows = await this.database.query<(Job & { idempotencyKey: string; payloadHash: string })[]>(
      `SELECT ${JOB_COLUMNS}, j.idempotency_key AS "idempotencyKey", j.payload_hash AS "payloadHash"
       FROM ${this.database.table('job')} j
       JOIN unnest($1::text[], $2::text[], $3::text[]) AS k(tenant, type, key)
         ON j.tenant = k.tenant AND j.type = k.type AND j.idempotency_key = k.key`,
      [jobs.map((job) => job.tenant), jobs.map((job) => job.type), jobs.map((job) => job.idempotencyKey)],
      manager,
    );
    for (const row of rows) found.set(keyOf(row), { job: jobOf(row), payloadHash: row.payloadHash });
    return found;
  }

  /** Those of these jobs that exist, in no particular order. */
  async find(jobs: readonly TenantJob[]): Promise<Job[]> {
    return this.database.query(`SELECT ${JOB_COLUMNS} FROM ${this.#namedBy()}`, columnsOf(jobs));
  }

  /** The job, or null when it does not exist or the caller may not see it. */
  async findVisible(id: string, visibility: Visibility): Promise<Job | null> {
    const [job] = await this.database.query<Job[]>(
      `SELECT ${JOB_COLUMNS} FROM ${this.database.table('job')} j WHERE j.id = $1 AND ${isVisible(2)}`,
      [id, ...visibleTo(visibility)],
    );
    return job ?? null;
  }

  async payload(id: string, visibility: Visibility): Promise<Json> {
    const [row] = await this.database.query<{ payload: Json }[]>(
      `SELECT payload FROM ${this.database.table('job')} j WHERE j.id = $1 AND ${isVisible(2)}`,
      [id, ...visibleTo(visibility)],
    );
    return row?.payload ?? null;
  }

  /** The number of queued jobs of the tenant, counted up to `most`. */
  async countWaiting(tenant: string, most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }[]>(
      `SELECT count(*)::int AS count
       FROM (SELECT 1 FROM ${this.database.table('job')} WHERE tenant = $1 AND status = 'queued' LIMIT $2) AS waiting`,
      [tenant, most],
    );
    return row?.count ?? 0;
  }

  /** The changes of each job after the given version, oldest first. Returns one list per ref, in order. */
  async changesAfter(refs: readonly ChangesRef[]): Promise<JobChange[][]> {
    const rows = await this.database.query<(JobChange & { index: number })[]>(
      `SELECT r.index::int AS index, c.status, c.version, c.attempt, c.reason, c.run_at AS "runAt", c.at
       FROM unnest($1::uuid[], $2::text[], $3::int[]) WITH ORDINALITY AS r(id, tenant, after, index)
       JOIN ${this.database.table('job')} j ON j.id = r.id AND j.tenant = r.tenant
       JOIN ${this.database.table('job_change')} c ON c.job_id = j.id AND c.version > r.after
       ORDER BY r.index, c.version`,
      [...columnsOf(refs), refs.map((ref) => ref.after)],
    );
    const changes: JobChange[][] = refs.map(() => []);
    for (const { index, ...change } of rows) changes[index - 1]?.push(change);
    return changes;
  }

  /** The version and tick of each job that exists: enough to tell whether it has changed. */
  async positions(jobs: readonly TenantJob[]): Promise<Map<string, Cursor>> {
    const rows = await this.database.query<{ id: string; version: number; tick: string }[]>(
      `SELECT j.id, j.version, j.progress_tick AS tick FROM ${this.#namedBy()}`,
      columnsOf(jobs),
    );
    return new Map(rows.map(({ id, version, tick }) => [id, { version, tick: Number(tick) }]));
  }

  /** A FROM clause for the jobs `j` that the arrays of `columnsOf()` name. */
  #namedBy(): string {
    return `unnest($1::uuid[], $2::text[]) AS r(id, tenant)
      JOIN ${this.database.table('job')} j ON j.id = r.id AND j.tenant = r.tenant`;
  }

  #insertSql(): string {
    return `
      WITH input AS (
        SELECT * FROM json_to_recordset($1) AS r(id uuid, type text, queue text, tenant text, owner text,
          "maxAttempts" int, priority smallint, tags json, "idempotencyKey" text, "payloadHash" text,
          payload json, "runAt" timestamptz, actor json)
      ), added AS (
        INSERT INTO ${this.database.table('job')} AS j (id, type, queue, tenant, owner, status, max_attempts, priority, tags,
          idempotency_key, payload_hash, payload, run_at, stage)
        SELECT id, type, queue, tenant, owner, 'queued', "maxAttempts", priority,
          ARRAY(SELECT json_array_elements_text(tags)), "idempotencyKey", "payloadHash", coalesce(payload, 'null'),
          coalesce("runAt", now()), CASE WHEN "runAt" > now() THEN 'later' ELSE 'ready' END
        FROM input
        ON CONFLICT (tenant, type, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
        RETURNING ${JOB_COLUMNS}
      ), history AS (
        INSERT INTO ${this.database.table('job_change')} (job_id, version, status, attempt, reason, run_at)
        SELECT id, version, status, attempt, 'submitted', "runAt" FROM added
      ), noted AS (${auditSql(this.database, { action: 'submit', from: 'input WHERE id IN (SELECT id FROM added)' })})
      SELECT * FROM added`;
  }
}

/** Ids and tenants, each as an array. */
function columnsOf(jobs: readonly TenantJob[]): [ids: string[], tenants: string[]] {
  return [jobs.map(({ id }) => id), jobs.map(({ tenant }) => tenant)];
}

function keyOf(job: { tenant: string; type: string; idempotencyKey: string | null }): string {
  return JSON.stringify([job.tenant, job.type, job.idempotencyKey]);
}
