import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { applicationPermit } from '../access/permit.ts';
import { ViewerTokens } from '../access/viewer-tokens.ts';
import type { Actor } from '../job/actor.ts';
import type { JobType, PayloadOf } from '../job/job-handler.ts';
import { type Job, type JobStatus, type JobView, type Json, toJobView } from '../job/job.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import type { ViewerToken } from '../job/credentials.ts';
import type { LogLine } from '../job/log-line.ts';
import { JobCommands } from './job-commands.ts';
import { JobQueries } from './job-queries.ts';
import { JobSubmitter, type Submission, type SubmitOptions, type Submitted } from './job-submitter.ts';

/** The result of `submit()`. */
export interface SubmittedJob {
  job: Job;
  /** Whether the job existed already, from an earlier submit with the same idempotency key. */
  replayed: boolean;
  /** The paths of the job and of its stream. */
  links: JobView['links'];
  /** Creates a token for the submitter's page, like `Jobs.viewerToken()`. */
  viewer(): Promise<ViewerToken>;
}

export interface ChangeOptions {
  /** The tenant that the job must belong to. Default: any tenant. */
  tenant?: string;
  /** Who asks for it, for the audit. Default: `system`, through the application. */
  actor?: Actor;
}

/** Which jobs to list. Of a list of values, a job must match one. */
export interface ListOptions {
  /** Default: every tenant. */
  tenant?: string;
  /** Default: any owner, or none. */
  owner?: string;
  status?: JobStatus[];
  type?: string[];
  tag?: string[];
  ids?: string[];
  /** Default 50. */
  limit?: number;
  /** Only jobs older than the one with this id, which is that of the last job of the previous page. */
  before?: string;
}

/**
 * Jobs for the application itself, which may see and change all of them. When it acts for a user, it has to pass their
 * `tenant`. Everything is committed in Postgres; nothing here needs Redis.
 */
@Injectable()
export class Jobs {
  /** @internal Created by Nest. */
  constructor(
    private readonly submitter: JobSubmitter,
    private readonly queries: JobQueries,
    private readonly commands: JobCommands,
    private readonly viewerTokens: ViewerTokens,
    private readonly options: ResolvedOptions,
  ) {}

  /** Commits a job, or finds the existing one of its idempotency key. Throws the errors that `POST /jobs` answers. */
  async submit<T extends JobType>(
    type: T,
    payload: PayloadOf<T>,
    options: SubmitOptions,
  ): Promise<SubmittedJob> {
    return this.#submitted(await this.submitter.submit(type, payload, options));
  }

  /**
   * Commits many jobs in one statement. If one is refused, none is committed. Returns one answer per submission, in
   * order.
   */
  async submitMany(
    submissions: Submission[],
    { manager }: { manager?: EntityManager } = {},
  ): Promise<SubmittedJob[]> {
    const submitted = await this.submitter.submitMany(submissions, manager);
    return submitted.map((one) => this.#submitted(one));
  }

  /** The job, or `JobNotFound`. */
  async get(id: string, options: { tenant?: string } = {}): Promise<Job> {
    return this.queries.get(id, permitFor(options));
  }

  /** The payload that the job was submitted with. */
  async payload(id: string, options: { tenant?: string } = {}): Promise<Json> {
    await this.get(id, options);
    return this.queries.payload(id, permitFor(options));
  }

  /** Jobs that match, newest first. */
  async list(options: ListOptions = {}): Promise<Job[]> {
    const { limit = 50, before = null, tenant: _tenant, owner: _owner, ...filter } = options;
    return this.queries.list(filter, permitFor(options), { limit, before });
  }

  /** Cancels a queued job at once, and asks a running one to stop. Throws `JobFinal` for a job that has ended. */
  async cancel(id: string, options: ChangeOptions = {}): Promise<Job> {
    return this.commands.cancel(id, permitFor(options));
  }

  /**
   * Queues a failed or cancelled job again. Throws `JobNotRetryable` for any other job, and `429 too_many_queued_jobs`
   * when its tenant has too many queued jobs.
   */
  async retry(id: string, options: ChangeOptions = {}): Promise<Job> {
    return this.commands.retry(id, permitFor(options));
  }

  /** Log lines after number `after` (default 0), oldest first, at most `limit` (default 1,000). */
  async logs(
    id: string,
    { after = 0, limit = 1_000, ...options }: { tenant?: string; after?: number; limit?: number } = {},
  ): Promise<LogLine[]> {
    return this.queries.logs(id, permitFor(options), { after, limit });
  }

  /** The job as the HTTP routes return it, with its links. */
  view(job: Job): JobView {
    return toJobView(job, this.options.publicPath);
  }

  /** A token with which a page can follow this one job and nothing else, for 15 minutes. */
  async viewerToken(job: Pick<Job, 'id' | 'tenant' | 'owner'>): Promise<ViewerToken> {
    return this.viewerTokens.issue(job, {});
  }

  #submitted(submitted: Submitted): SubmittedJob {
    const { job } = submitted;
    return { ...submitted, links: this.view(job).links, viewer: () => this.viewerToken(job) };
  }
}

/**
 * Refuses an option that is present but not a text. In SQL, null means every tenant, and a forgotten value must not
 * become null.
 */
function permitFor(options: { tenant?: string; owner?: string; actor?: Actor }) {
  for (const name of ['tenant', 'owner'] as const)
    if (name in options && typeof options[name] !== 'string')
      throw new TypeError(`The option \`${name}\` must be a string; leave it out for jobs of every ${name}.`);
  const { tenant = null, owner = null, actor } = options;
  return applicationPermit({ tenant, owner }, actor);
}
