import { Injectable } from '@nestjs/common';
import { everyTenant } from './every-tenant.ts';
import { inBatches } from './in-batches.ts';
import { Database } from './database.ts';

/** Most jobs that one statement purges. Small, so that its locks are held only briefly. */
const BATCH = 1_000;

/** Deletes final jobs with their history and logs when they are old enough. */
@Injectable()
export class JobRetention {
  constructor(private readonly database: Database) {}

  /** Purges in batches until nothing is left or it is stopped. Resolves to the number of jobs. */
  async purge(days: number, stop?: AbortSignal): Promise<number> {
    return inBatches(BATCH, () => this.#purgeBatch(days), stop);
  }

  async #purgeBatch(days: number): Promise<number> {
    const [{ purged }] = await this.database.query<[{ purged: number }]>(
      `${everyTenant('age')}WITH old AS (
         SELECT id FROM ${this.database.table('job')} WHERE finished_at < now() - $1 * interval '1 day'
         ORDER BY finished_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
       ), logs AS (DELETE FROM ${this.database.table('job_log')} l USING old WHERE l.job_id = old.id),
       history AS (DELETE FROM ${this.database.table('job_change')} c USING old WHERE c.job_id = old.id),
       purged AS (DELETE FROM ${this.database.table('job')} j USING old WHERE j.id = old.id RETURNING 1)
       SELECT count(*)::int AS purged FROM purged`,
      [days],
    );
    return purged;
  }
}
