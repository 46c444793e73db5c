import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { JOBS_OPTIONS, type ResolvedOptions } from '../jobs.options.ts';
import { everyTenant } from './every-tenant.ts';
import { inBatches } from './in-batches.ts';
import { JOBS_DATA_SOURCE } from './tokens.ts';

/** Jobs that one statement purges: small enough that nobody waits for its locks. */
const BATCH = 1_000;

/** Removes final jobs, with their history and logs, once they are old enough. */
@Injectable()
export class JobRetention {
  constructor(
    @Inject(JOBS_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(JOBS_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /** Purges in batches until nothing is left to purge; resolves to the number of jobs. */
  async purge(days: number): Promise<number> {
    return inBatches(BATCH, () => this.#purgeBatch(days));
  }

  async #purgeBatch(days: number): Promise<number> {
    const { schema } = this.options;
    const [{ purged }] = await this.dataSource.query<[{ purged: number }]>(
      `${everyTenant('age')}WITH old AS (
         SELECT id FROM "${schema}".job WHERE finished_at < now() - $1 * interval '1 day'
         ORDER BY finished_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
       ), logs AS (DELETE FROM "${schema}".job_log l USING old WHERE l.job_id = old.id),
       history AS (DELETE FROM "${schema}".job_change c USING old WHERE c.job_id = old.id),
       purged AS (DELETE FROM "${schema}".job j USING old WHERE j.id = old.id RETURNING 1)
       SELECT count(*)::int AS purged FROM purged`,
      [days],
    );
    return purged;
  }
}
