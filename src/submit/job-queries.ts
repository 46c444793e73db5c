import { Injectable } from '@nestjs/common';
import { validate as isUuid } from 'uuid';
import type { JobPermit } from '../access/permit.ts';
import { JobNotFound } from '../job/job-errors.ts';
import type { Job, Json } from '../job/job.ts';
import type { Visibility } from '../job/visibility.ts';
import { JobLogs } from '../store/job-logs.ts';
import type { LogLine } from '../job/log-line.ts';
import { JobFeed, type JobFilter } from '../store/job-feed.ts';
import { JobStore } from '../store/job-store.ts';

/** Reads jobs that a permit allows to see. */
@Injectable()
export class JobQueries {
  constructor(
    private readonly store: JobStore,
    private readonly feed: JobFeed,
    private readonly lines: JobLogs,
  ) {}

  /** The job, or `JobNotFound`. */
  async get(id: string, permit: JobPermit): Promise<Job> {
    const job = await this.find(id, permit.visibility('read'));
    permit.check('read', job);
    return job;
  }

  /** The visible job, or `JobNotFound`. The permit's check on the job itself is left to the caller. */
  async find(id: string, visibility: Visibility): Promise<Job> {
    const job = isUuid(id) ? await this.store.findVisible(id, visibility) : null;
    if (!job) throw new JobNotFound();
    return job;
  }

  /** The payload that the job was submitted with. */
  async payload(id: string, permit: JobPermit): Promise<Json> {
    return this.store.payload(id, permit.visibility('read'));
  }

  /**
   * Jobs that match, newest first; `before` is the id of the last job of the previous page. Only SQL filters here:
   * callers must still ask the permit about each job, and need the unfiltered page to know whether it was full.
   */
  async list(
    filter: JobFilter,
    permit: JobPermit,
    page: { limit: number; before: string | null },
  ): Promise<Job[]> {
    return this.feed.page({ filter, visibility: permit.visibility('read'), since: null, ...page });
  }

  /** Log lines after number `after`, oldest first, at most `limit`. */
  async logs(id: string, permit: JobPermit, { after = 0, limit = 1_000 } = {}): Promise<LogLine[]> {
    const visibility = permit.visibility('read');
    permit.check('read', await this.find(id, visibility));
    return this.lines.read(id, visibility, after, limit);
  }
}
