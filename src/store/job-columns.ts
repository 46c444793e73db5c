import type { Job, JobFailure, Json, Progress } from '../job/job.ts';

/** The columns of a job, named as `Job` names them. `alias` is the table's alias in the statement. */
export function jobColumns(alias: string): string {
  return COLUMNS.map(([column, name]) => `${alias}.${column} AS "${name}"`).join(', ');
}

const COLUMNS = [
  ['id', 'id'],
  ['type', 'type'],
  ['queue', 'queue'],
  ['tenant', 'tenant'],
  ['owner', 'owner'],
  ['status', 'status'],
  ['version', 'version'],
  ['attempt', 'attempt'],
  ['max_attempts', 'maxAttempts'],
  ['priority', 'priority'],
  ['tags', 'tags'],
  ['progress', 'progress'],
  ['progress_tick', 'progressTick'],
  ['result', 'result'],
  ['error_code', 'errorCode'],
  ['error_message', 'errorMessage'],
  ['created_at', 'createdAt'],
  ['run_at', 'runAt'],
  ['started_at', 'startedAt'],
  ['finished_at', 'finishedAt'],
  ['updated_at', 'updatedAt'],
  ['cancel_requested_at', 'cancelRequestedAt'],
] as const;

export type JobRow = Omit<Job, 'error' | 'progressTick'> & {
  /** bigint: pg hands it over as a string. */
  progressTick: string;
  errorCode: string | null;
  errorMessage: string | null;
  /** Why the status changed, where the statement changed it. */
  reason?: string;
};

export function toJob({ errorCode, errorMessage, progressTick, reason: _reason, ...row }: JobRow): Job {
  const error: JobFailure | null =
    errorCode === null ? null : { code: errorCode, message: errorMessage ?? '' };
  return { ...row, progressTick: Number(progressTick), error };
}

/** A job that a worker has just claimed, with what only the worker needs. */
export interface ClaimedJob extends Job {
  payload: Json;
}

/** A reference to a job as it was at one version. */
export interface JobRef {
  id: string;
  version: number;
}

/** An attempt at a job, as the worker knows it that has claimed the job: everything it writes is tied to it. */
export interface AttemptRef extends JobRef {
  tenant: string;
}

/** What is written at once to running jobs: the newest progress, or null where it has not changed. */
export interface RunningUpdate extends AttemptRef {
  progress: Progress | null;
  tick: number;
}
