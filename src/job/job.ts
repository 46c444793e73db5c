import { z } from 'zod';
import { time, type WithDates } from './time.ts';

/** The statuses a job can have; the last three are final. */
export const JOB_STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export const JobStatus = z
  .enum(JOB_STATUSES)
  .describe('The last three are final. A job that waits for `runAt` or for its next attempt is `queued`.');
export type JobStatus = z.infer<typeof JobStatus>;

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
export const anyJson: z.ZodType<Json> = z.unknown() as never;

export const Progress = z
  .object({
    percent: z.number().min(0).max(100).nullable().describe('Made of `done / total` where both are known.'),
    done: z.number().nullable(),
    total: z.number().nullable(),
    unit: z.string().nullable().describe('What `done` and `total` count, for instance `bytes`.'),
    step: z.string().nullable().describe('The phase of the work, in words for a person.'),
    message: z.string().nullable(),
    data: anyJson.describe('Anything else that a page wants to show; at most 4,096 characters of JSON.'),
  })
  .describe('How far the attempt is: absolute, never a delta; each part null when unknown.');
export type Progress = z.infer<typeof Progress>;

export const JobFailure = z
  .object({
    code: z
      .string()
      .regex(/^[a-z0-9_]{1,64}$/)
      .describe('Stable: decide by this.'),
    message: z.string().describe('Safe to show.'),
  })
  .describe('Why the last attempt that failed did so.');
export type JobFailure = z.infer<typeof JobFailure>;

const version = z.int().min(1).describe('Starts at 1 and grows by one with every committed status change.');
const attempt = z.int().min(0).describe('How often a worker has claimed the job.');

/** The fields of a job, in the order in which clients see them. */
export const JobView = z
  .object({
    id: z.uuid().describe('A UUIDv7: newer jobs sort after older ones.'),
    type: z.string(),
    queue: z.string(),
    tenant: z.string(),
    owner: z.string().nullable().describe('Who submitted it; null: the application.'),
    status: JobStatus,
    version,
    attempt,
    maxAttempts: z.int().min(1),
    priority: z.int().min(0).max(9).describe('Higher goes first.'),
    tags: z.array(z.string().max(64)).max(16),
    progress: Progress.nullable().describe('Null until the attempt reports; a final job keeps its last.'),
    result: anyJson.describe('What the handler returned, up to 256 KiB; null unless the job is completed.'),
    error: JobFailure.nullable().describe('Of the last attempt that failed; the next claim clears it.'),
    createdAt: time,
    runAt: time.describe('When it is due: as asked for, then the time of the next attempt.'),
    startedAt: time.nullable().describe('When the latest attempt was claimed.'),
    finishedAt: time.nullable(),
    updatedAt: time,
    cancelRequestedAt: time.nullable().describe('When somebody asked to cancel it.'),
    links: z.object({ self: z.string(), events: z.string() }).describe('Paths of the job and of its stream.'),
    payload: anyJson.optional().describe('Only with `?include=payload`.'),
  })
  .describe('A job. Times are ISO 8601 in UTC; every key but `payload` is always there.');
export type JobView = z.infer<typeof JobView>;

type JobTime = 'createdAt' | 'runAt' | 'startedAt' | 'finishedAt' | 'updatedAt' | 'cancelRequestedAt';

/** A job as it is stored. Times are those of the Postgres clock. */
export interface Job extends WithDates<Omit<JobView, 'links' | 'payload'>, JobTime> {
  /** The tick of `progress` within the version that reported it. */
  progressTick: number;
}

/** What a job is read by where nobody asks for it: its id, and the tenant that it has to be of. */
export type TenantJob = Pick<Job, 'id' | 'tenant'>;

export const JobChangeView = z.object({
  status: JobStatus,
  version,
  attempt,
  reason: z.string().describe('Why it changed: `submitted`, `claimed`, `retry`, `lease_lost`, …'),
  runAt: time,
  at: time,
});

/** One committed status change: a row of the history that streams replay. */
export type JobChange = WithDates<z.infer<typeof JobChangeView>, 'runAt' | 'at'>;

/** What of a job its viewers see as it is stored: nothing that the schema does not name. */
const SHOWN = Object.keys(JobView.omit({ links: true, payload: true }).shape) as (keyof Job)[];

export function toJobView(job: Job, basePath: string): JobView {
  const self = `${basePath}/jobs/${job.id}`;
  const shown = SHOWN.map((key) => {
    const value = job[key];
    return [key, value instanceof Date ? value.toISOString() : value];
  });
  return { ...Object.fromEntries(shown), links: { self, events: `${self}/events` } } as JobView;
}
