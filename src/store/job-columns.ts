import type { Job, Json, Progress } from '../job/job.ts';

/** The columns of a job row `j`, named and typed like `Job`, so that a result row is a `Job`. */
export const JOB_COLUMNS = `j.id, j.type, j.queue, j.tenant, j.owner, j.status, j.version, j.attempt,
  j.max_attempts AS "maxAttempts", j.priority, j.tags, j.progress, j.progress_tick::float8 AS "progressTick", j.result,
  CASE WHEN j.error_code IS NOT NULL
    THEN json_build_object('code', j.error_code, 'message', coalesce(j.error_message, '')) END AS error,
  j.created_at AS "createdAt", j.run_at AS "runAt", j.started_at AS "startedAt", j.finished_at AS "finishedAt",
  j.updated_at AS "updatedAt", j.cancel_requested_at AS "cancelRequestedAt"`;

/**
 * Copies the job out of a row that has more columns. The keys are listed because this runs for every claimed or settled
 * job, and a rest pattern takes many times as long.
 */
export function jobOf(row: Job): Job {
  return {
    id: row.id,
    type: row.type,
    queue: row.queue,
    tenant: row.tenant,
    owner: row.owner,
    status: row.status,
    version: row.version,
    attempt: row.attempt,
    maxAttempts: row.maxAttempts,
    priority: row.priority,
    tags: row.tags,
    progress: row.progress,
    progressTick: row.progressTick,
    result: row.result,
    error: row.error,
    createdAt: row.createdAt,
    runAt: row.runAt,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
    updatedAt: row.updatedAt,
    cancelRequestedAt: row.cancelRequestedAt,
  };
}

/** A job that a worker has just claimed, with its payload. */
export interface ClaimedJob extends Job {
  payload: Json;
}

/** A job at one version. */
export interface JobRef {
  id: string;
  version: number;
}

/** An attempt: the version that the worker claimed. Writes of the worker are fenced by it. */
export interface AttemptRef extends JobRef {
  tenant: string;
}

/** The newest progress to store for a running job; null where it has not changed. */
export interface RunningUpdate extends AttemptRef {
  progress: Progress | null;
  tick: number;
}
