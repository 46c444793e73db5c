/** The statuses a job can have; the last three are final. */
export const JOB_STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** What may follow each status; `docs/architecture.md` draws it. */
export const TRANSITIONS: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  queued: ['active', 'cancelled'],
  active: ['completed', 'failed', 'cancelled', 'queued'],
  completed: [],
  failed: ['queued'],
  cancelled: ['queued'],
};

export function isFinal(status: JobStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** Whether a retry by hand may queue a job of this status again. */
export function isRetryable(status: JobStatus): boolean {
  return isFinal(status) && TRANSITIONS[status].includes('queued');
}

/** Any value that survives JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** How far an attempt is: absolute, never a delta; each part null when unknown. */
export interface Progress {
  /** 0 to 100, derived from `done / total` when both are given. */
  percent: number | null;
  done: number | null;
  total: number | null;
  /** What `done` and `total` count, for instance `bytes`. */
  unit: string | null;
  /** The phase of the work, in words for a person. */
  step: string | null;
  message: string | null;
  /** Anything else that the page wants to show. */
  data: Json;
}

/** Why a job failed: a stable code, and a message that is safe to show. */
export interface JobFailure {
  code: string;
  message: string;
}

/** A job as it is stored. Times are those of the Postgres clock. */
export interface Job {
  id: string;
  type: string;
  queue: string;
  tenant: string;
  owner: string | null;
  status: JobStatus;
  /** Starts at 1 and grows by one with every committed status change. */
  version: number;
  /** How often the job has been claimed. */
  attempt: number;
  maxAttempts: number;
  /** 0 to 9, higher first. */
  priority: number;
  tags: string[];
  progress: Progress | null;
  /** The tick of `progress` within the version that reported it. */
  progressTick: number;
  result: Json;
  error: JobFailure | null;
  createdAt: Date;
  runAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  updatedAt: Date;
  cancelRequestedAt: Date | null;
}

/** What a job is read by where nobody asks for it: its id, and the tenant that it has to be of. */
export type TenantJob = Pick<Job, 'id' | 'tenant'>;

/** One committed status change: a row of the history that streams replay. */
export interface JobChange {
  status: JobStatus;
  version: number;
  attempt: number;
  /** Why it changed: `submitted`, `claimed`, `retry`, `lease_lost`, … */
  reason: string;
  runAt: Date;
  at: Date;
}

/** The job as clients see it (JSON; times are ISO 8601 in UTC; every key is always present). */
export interface JobView {
  id: string;
  type: string;
  queue: string;
  tenant: string;
  owner: string | null;
  status: JobStatus;
  version: number;
  attempt: number;
  maxAttempts: number;
  priority: number;
  tags: string[];
  progress: Progress | null;
  result: Json;
  error: JobFailure | null;
  createdAt: string;
  runAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  updatedAt: string;
  cancelRequestedAt: string | null;
  links: { self: string; events: string };
  /** Only when asked for with `?include=payload`. */
  payload?: Json;
}

export function toJobView(job: Job, basePath: string): JobView {
  const self = `${basePath}/jobs/${job.id}`;
  return {
    id: job.id,
    type: job.type,
    queue: job.queue,
    tenant: job.tenant,
    owner: job.owner,
    status: job.status,
    version: job.version,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    priority: job.priority,
    tags: job.tags,
    progress: job.progress,
    result: job.result,
    error: job.error,
    createdAt: job.createdAt.toISOString(),
    runAt: job.runAt.toISOString(),
    startedAt: job.startedAt?.toISOString() ?? null,
    finishedAt: job.finishedAt?.toISOString() ?? null,
    updatedAt: job.updatedAt.toISOString(),
    cancelRequestedAt: job.cancelRequestedAt?.toISOString() ?? null,
    links: { self, events: `${self}/events` },
  };
}
