import { Injectable } from '@nestjs/common';
import type { Job, JobStatus } from '../job/job.ts';
import type { Visibility } from '../job/visibility.ts';
import { JOB_COLUMNS } from './job-columns.ts';
import { isVisible, visibleTo } from './visible.ts';
import { Database } from './database.ts';

/**
 * A point in the history of the database: every change committed before it has a lower transaction id. Decimal text of
 * an xid8.
 */
export type Watermark = string;

export interface JobFilter {
  status?: JobStatus[] | undefined;
  type?: string[] | undefined;
  tag?: string[] | undefined;
  ids?: string[] | undefined;
}

export interface JobPage {
  filter: JobFilter;
  visibility: Visibility;
  /** Only jobs that changed since then or are running; null for all jobs. */
  since: Watermark | null;
  /** Only jobs older than this id. */
  before: string | null;
  limit: number;
}

/** Reads many jobs: in pages for lists and feeds, and those that changed since a watermark. */
@Injectable()
export class JobFeed {
  constructor(private readonly database: Database) {}

  /**
   * The current watermark. Every later commit has a transaction id at or above it, however long ago the transaction
   * began.
   */
  async watermark(): Promise<Watermark> {
    const [row] = await this.database.query<{ at: Watermark }[]>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS at',
    );
    return row?.at ?? '0';
  }

  /**
   * Visible jobs that match, newest first. Running jobs are always included, because progress does not change
   * `change_xid`.
   */
  async page({ filter, visibility, since, before, limit }: JobPage): Promise<Job[]> {
    return this.database.query(
      `SELECT ${JOB_COLUMNS} FROM ${this.database.table('job')} j
       WHERE ${isVisible(1)}
         AND ($4::text[] IS NULL OR j.status = ANY($4))
         AND ($5::text[] IS NULL OR j.type = ANY($5))
         AND ($6::text[] IS NULL OR (j.tags <> '{}' AND j.tags && $6))
         AND ($7::uuid[] IS NULL OR j.id = ANY($7))
         AND ($8::text IS NULL OR j.change_xid >= $8::xid8 OR j.status = 'active')
         AND ($9::uuid IS NULL OR j.id < $9)
       ORDER BY j.id DESC LIMIT $10`,
      [
        ...visibleTo(visibility),
        filter.status ?? null,
        filter.type ?? null,
        filter.tag ?? null,
        filter.ids ?? null,
        since,
        before,
        limit,
      ],
    );
  }

  /** The jobs of these tenants (null: of all) that changed since the watermark, oldest change first. */
  async changedSince(since: Watermark, tenants: string[] | null): Promise<Job[]> {
    return this.database.query(
      `SELECT ${JOB_COLUMNS} FROM ${this.database.table('job')} j
       WHERE j.change_xid >= $1::text::xid8 AND ($2::text[] IS NULL OR j.tenant = ANY($2))
       ORDER BY j.change_xid`,
      [since, tenants],
    );
  }
}
