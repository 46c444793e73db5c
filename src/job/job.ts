import { z } from 'zod';
import { time, type WithDates } from './time.ts';

/** The statuses a job can have; the last three are final. */
export const JOB_STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export const JobStatus = z
  .enum(JOB_STATUSES)
  .describe('The last three are final. A job that waits for `runAt` or for its next attempt is `queued`.');
export type JobStatus = z.infer<typeof JobStatus>;

/** The statuses that may follow each status, drawn in `docs/architecture.md`. */
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
    percent: z
      .number()
      .min(0)
      .max(100)
      .nullable()
      .describe('Computed from `done / total` when both are known.'),
    done: z.number().nullable(),
    total: z.number().nullable(),
    unit: z.string().nullable().describe('What `done` and `total` count, such as `bytes`.'),
    step: z.string().nullable().describe('Current phase of the work, as text for people.'),
    message: z.string().nullable(),
    data: anyJson.describe('Any other JSON to display, at most 4,096 characters.'),
  })
  .describe('Progress of the attempt, as absolute values rather than deltas. Unknown fields are null.');
export type Progress = z.infer<typeof Progress>;

export const JobFailure = z
  .object({
    code: z
      .string()
      .regex(/^[a-z0-9_]{1,64}$/)
      .describe('Stable: use this in code.'),
    message: z.string().describe('Safe to show.'),
  })
  .describe('Why the most recent failed attempt failed.');
export type JobFailure = z.infer<typeof JobFailure>;

const version = z.int().min(1).describe('Starts at 1 and grows by one with every committed status change.');
const attempt = z.int().min(0).describe('How often workers have claimed the job.');

/** The fields of a job, in the order in which clients see them. */
export const JobView = z
  .object({
    id: z.uuid().describe('A UUIDv7: newer jobs sort after older ones.'),
    type: z.string(),
    queue: z.string(),
    tenant: z.string(),
    owner: z
      .string()
      .nullable()
      .describe('Subject of the submitter; null when the application submitted it without an owner.'),
    status: JobStatus,
    version,
    attempt,
    maxAttempts: z.int().min(1),
    priority: z.int().min(0).max(9).describe('Higher goes first.'),
    tags: z.array(z.string().max(64)).max(16),
    progress: Progress.nullable().describe(
      'Null until the attempt reports progress; a final job keeps the last report.',
    ),
    result: anyJson.describe('What the handler returned, up to 256 KiB; null unless the job is completed.'),
    error: JobFailure.nullable().describe(
      'Error of the most recent failed attempt; the next claim clears it.',
    ),
    createdAt: time,
    runAt: time.describe('When the job is due: first as requested, later the time of the next attempt.'),
    startedAt: time.nullable().describe('When the latest attempt was claimed.'),
    finishedAt: time.nullable(),
    updatedAt: time,
    cancelRequestedAt: time.nullable().describe('When cancelling was requested.'),
    links: z.object({ self: z.string(), events: z.string() }).describe('Paths of the job and of its stream.'),
    payload: anyJson.optional().describe('Only with `?include=payload`.'),
  })
  .describe('A job. Times are ISO 8601 in UTC. Every key except `payload` is always present.');
export type JobView = z.infer<typeof JobView>;

type JobTime = 'createdAt' | 'runAt' | 'startedAt' | 'finishedAt' | 'updatedAt' | 'cancelRequestedAt';

/** A job as stored. All times come from the Postgres clock. */
export interface Job extends WithDates<Omit<JobView, 'links' | 'payload'>, JobTime> {
  /** The tick of `progress` within the version that reported it. */
  progressTick: number;
}

/** Identifies a job in statements that run for no caller: its id, and the tenant that it must belong to. */
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

/** The stored fields that viewers see. Derived from the schema, so that a new field is not exposed by accident. */
const SHOWN = Object.keys(JobView.omit({ links: true, payload: true }).shape) as (keyof Job)[];

export function toJobView(job: Job, basePath: string): JobView {
  const self = `${basePath}/jobs/${job.id}`;
  const shown = SHOWN.map((key) => {
    const value = job[key];
    return [key, value instanceof Date ? value.toISOString() : value];
  });
  return { ...Object.fromEntries(shown), links: { self, events: `${self}/events` } } as JobView;
}
