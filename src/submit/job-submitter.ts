import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { HandlerRegistry } from '../handlers/handler-registry.ts';
import { validate } from '../handlers/validate.ts';
import { type Actor, APPLICATION } from '../job/actor.ts';
import { IdempotencyMismatch, type InputIssue, InvalidInput } from '../job/job-errors.ts';
import type { JobType, PayloadOf } from '../job/job-handler.ts';
import type { Job } from '../job/job.ts';
import { Batcher } from '../runtime/batcher.ts';
import { type InsertedJob, JobStore, type NewJob } from '../store/job-store.ts';
import { checkPayload, hashPayload } from './payload.ts';
import { QueueBound, TooManyQueuedJobs } from './queue-bound.ts';
import { checkSubmission } from './submission.ts';
import { SubmitAnnouncer } from './submit-announcer.ts';

export interface SubmitOptions {
  tenant: string;
  /** The subject that may see the job without `jobs:tenant`. Default null: no subject may. */
  owner?: string | null;
  /** Submitting the same key, tenant, type and payload again returns the same job. */
  idempotencyKey?: string;
  /** Default: at once. */
  runAt?: Date;
  /** 0 to 9, higher first. Default 0. */
  priority?: number;
  /** At most 16 tags of at most 64 characters each. */
  tags?: string[];
  /** Default: `attempts` of the handler. */
  maxAttempts?: number;
  /** Who submits it, for the audit. Default: the owner, acting through the application. */
  actor?: Actor;
  /** Inserts the job in this transaction. It is neither visible nor run until the transaction commits. */
  manager?: EntityManager;
}

/** A job for `submitMany()`. */
export interface Submission<T extends string = string> extends Omit<SubmitOptions, 'manager'> {
  type: T;
  payload: PayloadOf<T>;
}

/** A job that is committed, or part of a transaction. */
export interface Submitted {
  job: Job;
  /** Whether the job existed already, from an earlier submit with the same idempotency key. */
  replayed: boolean;
}

/** Creates jobs in Postgres; nothing here needs Redis. */
@Injectable()
export class JobSubmitter {
  readonly #inserts = new Batcher<NewJob, InsertedJob>((jobs) => this.#insertAndAnnounce(jobs), 200);

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly store: JobStore,
    private readonly announcer: SubmitAnnouncer,
    private readonly bound: QueueBound,
  ) {}

  /** Commits a job, or finds the existing one of its idempotency key. Throws the errors that `POST /jobs` answers. */
  async submit<T extends JobType>(
    type: T,
    payload: PayloadOf<T>,
    { manager, ...options }: SubmitOptions,
  ): Promise<Submitted> {
    const submission = { ...options, type, payload };
    if (manager) return (await this.submitMany([submission], manager))[0] as Submitted;
    const job = await this.#prepare(submission);
    const [inserted] = await this.#admit([job], async () => [await this.#inserts.add(job)]);
    return submitted(job, inserted as InsertedJob);
  }

  /**
   * Commits many jobs in one statement. If one is refused, none is committed. Returns one answer per submission, in
   * order.
   */
  async submitMany(submissions: Submission[], manager?: EntityManager): Promise<Submitted[]> {
    const jobs = await Promise.all(submissions.map((submission) => this.#prepare(submission)));
    const inserted = await this.#admit(jobs, () => this.#insertAndAnnounce(jobs, manager), manager);
    return jobs.map((job, index) => submitted(job, inserted[index] as InsertedJob));
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

  /** Jobs that exist already add nothing to those that wait, so a tenant that is full is answered them all the same. */
  async #admit(
    jobs: NewJob[],
    insert: () => Promise<InsertedJob[]>,
    manager?: EntityManager,
  ): Promise<InsertedJob[]> {
    try {
      return await this.bound.admit(jobs, insert);
    } catch (error) {
      if (!(error instanceof TooManyQueuedJobs)) throw error;
      const earlier = await this.store.findRepeated(jobs, manager);
      if (earlier.size < jobs.length) throw error;
      return jobs.map(({ id }) => earlier.get(id) as InsertedJob);
    }
  }

  async #insertAndAnnounce(jobs: NewJob[], manager?: EntityManager): Promise<InsertedJob[]> {
    const inserted = await this.store.insert(jobs, manager);
    if (manager) this.announcer.announceAfterCommit(jobs, inserted, manager);
    else this.announcer.announce(jobs, inserted);
    return inserted;
  }
}

function unfit(type: string, issues: InputIssue[]): InvalidInput {
  return new InvalidInput(422, 'invalid_payload', `The payload does not fit the job type "${type}".`, issues);
}

function submitted(asked: NewJob, { job, replayed, samePayload }: InsertedJob): Submitted {
  // A key is unique within tenant and type, so the job may belong to another owner, who must not be shown to this one.
  if (!samePayload || job.owner !== asked.owner) throw new IdempotencyMismatch();
  return { job, replayed };
}
