import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { HandlerRegistry } from '../handlers/handler-registry.ts';
import { validate } from '../handlers/validate.ts';
import { type Actor, APPLICATION } from '../job/actor.ts';
import {
  IdempotencyMismatch,
  type InputIssue,
  InvalidInput,
  JobFinal,
  JobNotFound,
  JobNotRetryable,
} from '../job/job-errors.ts';
import type { JobType, PayloadOf } from '../job/job-handler.ts';
import { isFinal, isRetryable, type Job, type Json } from '../job/job.ts';
import { EVERYTHING, type Visibility } from '../job/visibility.ts';
import { Batcher } from '../runtime/batcher.ts';
import { JobLeases } from '../store/job-leases.ts';
import { JobLogs, type LogLine } from '../store/job-logs.ts';
import { JobMoves } from '../store/job-moves.ts';
import { type InsertedJob, type JobFilter, JobStore, type NewJob } from '../store/job-store.ts';
import { checkPayload, hashPayload } from './payload.ts';
import { QueueBound } from './queue-bound.ts';
import { checkSubmission } from './submission.ts';
import { SubmitAnnouncer } from './submit-announcer.ts';

export interface SubmitOptions {
  tenant: string;
  /** Who may see the job without `jobs:tenant`. Default null: nobody but those. */
  owner?: string | null;
  /** The same key, tenant, type and payload again answer the same job. */
  idempotencyKey?: string;
  /** Default: at once. */
  runAt?: Date;
  /** 0 to 9, higher first. Default 0. */
  priority?: number;
  /** At most 16 of at most 64 characters. */
  tags?: string[];
  /** Default: what the handler says. */
  maxAttempts?: number;
  /** Who submits it, for the audit. Default: the owner, by way of the application. */
  actor?: Actor;
  /** Joins the job to this transaction: it is invisible, and not run, unless that commits. */
  manager?: EntityManager;
}

/** What may go with a change to a job. */
export interface LookOptions {
  /** Is given the job before anything is done; what it throws refuses that. Default: nothing more is asked. */
  check?: (job: Job) => void;
}

export interface ChangeOptions extends LookOptions {
  /** Who asks for it, for the audit. Default: `system`, by way of the application. */
  actor?: Actor;
}

export interface Submission<T extends string = string> extends SubmitOptions {
  type: T;
  payload: PayloadOf<T>;
}

export interface SubmittedJob {
  job: Job;
  /** The job was made by an earlier submit with the same idempotency key. */
  replayed: boolean;
}

/** What an application does with jobs. Everything here is committed in Postgres; nothing waits for Redis. */
@Injectable()
export class Jobs {
  readonly #inserts = new Batcher<NewJob, InsertedJob>((jobs) => this.#insertAndAnnounce(jobs), 200);

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly store: JobStore,
    private readonly moves: JobMoves,
    private readonly leases: JobLeases,
    private readonly lines: JobLogs,
    private readonly submits: SubmitAnnouncer,
    private readonly bound: QueueBound,
  ) {}

  /** Commits a job, or finds the one its idempotency key made. Throws what `POST /jobs` answers as errors. */
  async submit<T extends JobType>(
    type: T,
    payload: PayloadOf<T>,
    options: SubmitOptions,
  ): Promise<SubmittedJob> {
    const job = await this.#prepare({ ...options, type, payload });
    const { manager } = options;
    if (!manager) return submitted(job, await this.bound.admit([job], () => this.#inserts.add(job)));
    const [inserted] = await this.bound.admit([job], () => this.store.insert([job], manager));
    this.submits.announceAfterCommit([job], [inserted as InsertedJob], manager);
    return submitted(job, inserted as InsertedJob);
  }

  /** Commits many jobs in one statement; one that is refused refuses all. Answers stand at the index asked. */
  async submitMany(
    submissions: Submission[],
    { manager }: { manager?: EntityManager } = {},
  ): Promise<SubmittedJob[]> {
    const jobs = await Promise.all(submissions.map((submission) => this.#prepare(submission)));
    const inserted = await this.bound.admit(jobs, () =>
      manager ? this.store.insert(jobs, manager) : this.#insertAndAnnounce(jobs),
    );
    if (manager) this.submits.announceAfterCommit(jobs, inserted, manager);
    return jobs.map((job, index) => submitted(job, inserted[index] as InsertedJob));
  }

  /** The job, or `JobNotFound`. */
  async get(id: string, visibility: Visibility = EVERYTHING, { check }: LookOptions = {}): Promise<Job> {
    const job = isUuid(id) ? await this.store.findVisible(id, visibility) : null;
    if (!job) throw new JobNotFound();
    check?.(job);
    return job;
  }

  /** What the job was submitted with. */
  async payload(id: string, visibility: Visibility = EVERYTHING): Promise<Json> {
    return this.store.payload(id, visibility);
  }

  /** Jobs that match, newest first; `before` is the id of the last one of the page before. */
  async list(
    filter: JobFilter,
    visibility: Visibility,
    page: { limit: number; before: string | null },
  ): Promise<Job[]> {
    return this.store.list(filter, visibility, page.limit, page.before);
  }

  /** Cancels a queued job at once and asks a running one to stop; a final one throws `JobFinal`. */
  async cancel(
    id: string,
    visibility: Visibility = EVERYTHING,
    { actor = APPLICATION, ...look }: ChangeOptions = {},
  ): Promise<Job> {
    // A job may be claimed or given back between two looks, so look again until one of them holds.
    for (;;) {
      const job = await this.get(id, visibility, look);
      if (isFinal(job.status)) throw new JobFinal();
      const cancelled = await this.moves.cancelQueued(id, visibility, actor);
      if (cancelled) return cancelled;
      const asked = await this.leases.requestCancel(id, visibility, actor);
      if (asked) {
        const { repeated: _repeated, ...running } = asked;
        return running;
      }
    }
  }

  /**
   * Queues a failed or cancelled job again; any other throws `JobNotRetryable`, and `429 too_many_queued_jobs` where its
   * tenant has no room for one more.
   */
  async retry(
    id: string,
    visibility: Visibility = EVERYTHING,
    { actor = APPLICATION, ...look }: ChangeOptions = {},
  ): Promise<Job> {
    const found = await this.get(id, visibility, look);
    if (!isRetryable(found.status)) throw new JobNotRetryable();
    const job = await this.bound.admit([found], () => this.moves.retry(id, visibility, actor));
    if (!job) throw new JobNotRetryable();
    return job;
  }

  /** Log lines after number `after`, oldest first, at most `limit`. */
  async logs(
    id: string,
    visibility: Visibility,
    after: number,
    limit = 1_000,
    look: LookOptions = {},
  ): Promise<LogLine[]> {
    await this.get(id, visibility, look);
    return this.lines.read(id, visibility, after, limit);
  }

  async #prepare(submission: Submission): Promise<NewJob> {
    const { type, tenant, owner, idempotencyKey, runAt, priority, tags, maxAttempts, actor } = submission;
    const payload: unknown = submission.payload ?? null;
    const handler = this.registry.get(type);
    checkSubmission(submission);
    checkPayload(payload);
    const parsed = await validate(handler.schema, payload);
    if ('issues' in parsed) throw unfit(type, parsed.issues);
    return {
      id: uuidv7(),
      type,
      queue: handler.queue,
      tenant,
      owner: owner ?? null,
      maxAttempts: maxAttempts ?? handler.attempts,
      priority: priority ?? 0,
      tags: tags ?? [],
      idempotencyKey: idempotencyKey ?? null,
      payloadHash: hashPayload(payload),
      payload,
      runAt: runAt ?? null,
      actor: actor ?? { ...APPLICATION, subject: owner ?? APPLICATION.subject },
    };
  }

  async #insertAndAnnounce(jobs: NewJob[]): Promise<InsertedJob[]> {
    const inserted = await this.store.insert(jobs);
    this.submits.announce(jobs, inserted);
    return inserted;
  }
}

function unfit(type: string, issues: InputIssue[]): InvalidInput {
  return new InvalidInput(422, 'invalid_payload', `The payload does not fit the job type "${type}".`, issues);
}

function submitted(asked: NewJob, { job, replayed, samePayload }: InsertedJob): SubmittedJob {
  // A key names a job within its tenant and type, but it must not show one caller another's job.
  if (!samePayload || job.owner !== asked.owner) throw new IdempotencyMismatch();
  return { job, replayed };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function isUuid(text: string): boolean {
  return UUID.test(text);
}
