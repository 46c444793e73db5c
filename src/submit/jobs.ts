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

/** What `submit()` answers. */
export interface SubmittedJob {
  job: Job;
  /** The job was made by an earlier submit with the same idempotency key. */
  replayed: boolean;
  /** Where clients find the job and its stream. */
  links: JobView['links'];
  /** Makes a token for the page of whoever submitted the job, as `Jobs.viewerToken()` does. */
  viewer(): Promise<ViewerToken>;
}

export interface ChangeOptions {
  /** A job of another tenant is not found. Default: any tenant. */
  tenant?: string;
  /** Who asks for it, for the audit. Default: `system`, by way of the application. */
  actor?: Actor;
}

/** Which jobs to list; of several values, a job has one. */
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
  /** Only jobs older than the one with this id: that of the last job of the page before. */
  before?: string;
}

/**
 * Jobs as the application itself deals with them: it may see and change all of them, so a request of a user has to bring
 * its `tenant`. Everything here is committed in Postgres; nothing waits for Redis.
 */
@Injectable()
export class Jobs {
  /** @internal Nest makes it. */
  constructor(
    private readonly submitter: JobSubmitter,
    private readonly queries: JobQueries,
    private readonly commands: JobCommands,
    private readonly viewerTokens: ViewerTokens,
    private readonly options: ResolvedOptions,
  ) {}

  /** Commits a job, or finds the one its idempotency key made. Throws what `POST /jobs` answers as errors. */
  async submit<T extends JobType>(
    type: T,
    payload: PayloadOf<T>,
    options: SubmitOptions,
  ): Promise<SubmittedJob> {
    return this.#submitted(await this.submitter.submit(type, payload, options));
  }

  /** Commits many jobs in one statement; one that is refused refuses all. Answers stand at the index asked. */
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

  /** What the job was submitted with. */
  async payload(id: string, options: { tenant?: string } = {}): Promise<Json> {
    await this.get(id, options);
    return this.queries.payload(id, permitFor(options));
  }

  /** Jobs that match, newest first. */
  async list(options: ListOptions = {}): Promise<Job[]> {
    const { limit = 50, before = null, tenant: _tenant, owner: _owner, ...filter } = options;
    return this.queries.list(filter, permitFor(options), { limit, before });
  }

  /** Cancels a queued job at once and asks a running one to stop; a final one throws `JobFinal`. */
  async cancel(id: string, options: ChangeOptions = {}): Promise<Job> {
    return this.commands.cancel(id, permitFor(options));
  }

  /**
   * Queues a failed or cancelled job again; any other throws `JobNotRetryable`, and `429 too_many_queued_jobs` where its
   * tenant has no room for one more.
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

  /** The job as the routes answer it, with its links. */
  view(job: Job): JobView {
    return toJobView(job, this.options.publicPath);
  }

  /** A token that lets a page follow this one job, and nothing else, for 15 minutes from now. */
  async viewerToken(job: Pick<Job, 'id' | 'tenant' | 'owner'>): Promise<ViewerToken> {
    return this.viewerTokens.issue(job, {});
  }

  #submitted(submitted: Submitted): SubmittedJob {
    const { job } = submitted;
    return { ...submitted, links: this.view(job).links, viewer: () => this.viewerToken(job) };
  }
}

/** In SQL, none stands for every tenant: what a host forgot to fill in must not become that. */
function permitFor(options: { tenant?: string; owner?: string; actor?: Actor }) {
  for (const name of ['tenant', 'owner'] as const)
    if (name in options && typeof options[name] !== 'string')
      throw new TypeError(`The option \`${name}\` must be a text; leave it out for jobs of every ${name}.`);
  const { tenant = null, owner = null, actor } = options;
  return applicationPermit({ tenant, owner }, actor);
}
