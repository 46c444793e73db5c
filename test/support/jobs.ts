import type { Job, JobChange, JobStatus } from '../../src/job/job.ts';
import { APPLICATION } from '../../src/job/actor.ts';
import type { ClaimedJob } from '../../src/store/job-columns.ts';
import type { NewJob } from '../../src/store/job-store.ts';
import { v7 as uuidv7 } from 'uuid';

const AT = new Date('2026-01-01T00:00:00.000Z');

/** A job as it is read, queued unless told otherwise. */
export function aJob(parts: Partial<Job> = {}): Job {
  return {
    id: '00000000-0000-7000-8000-000000000001',
    type: 'test',
    queue: 'default',
    tenant: 'acme',
    owner: 'alice',
    status: 'queued',
    version: 1,
    attempt: 0,
    maxAttempts: 3,
    priority: 0,
    tags: [],
    progress: null,
    progressTick: 0,
    result: null,
    error: null,
    createdAt: AT,
    runAt: AT,
    startedAt: null,
    finishedAt: null,
    updatedAt: AT,
    cancelRequestedAt: null,
    ...parts,
  };
}

/** A job as its worker has just claimed it. */
export function aClaimedJob(parts: Partial<ClaimedJob> = {}): ClaimedJob {
  return { ...aJob({ status: 'active', version: 2, attempt: 1, startedAt: AT }), payload: {}, ...parts };
}

export function aChange(version: number, status: JobStatus, reason = 'test'): JobChange {
  return { status, version, attempt: 1, reason, runAt: AT, at: AT };
}

/** A job to insert, due at once, with an id of its own. */
export function aNewJob(parts: Partial<NewJob> = {}): NewJob {
  return {
    id: uuidv7(),
    type: 'test',
    queue: 'default',
    tenant: 'acme',
    owner: 'alice',
    maxAttempts: 3,
    priority: 0,
    tags: [],
    idempotencyKey: null,
    payloadHash: 'hash',
    payload: {},
    runAt: null,
    actor: APPLICATION,
    ...parts,
  };
}
