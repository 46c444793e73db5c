import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { APPLICATION } from '../job/actor.ts';
import type { TenantJob } from '../job/job.ts';
import { faultText } from '../runtime/loggable.ts';
import { Batcher } from '../runtime/batcher.ts';
import { Events } from '../events/events.ts';
import { type InsertedJob, JobStore, type NewJob } from '../store/job-store.ts';
import { AfterCommit } from './after-commit.ts';

/** Tells the fact `submitted` after the commit. */
@Injectable()
export class SubmitAnnouncer {
  readonly #log = new Logger('Jobstream');
  readonly #lookups = new Batcher((jobs: TenantJob[]) => this.#exist(jobs));

  constructor(
    private readonly store: JobStore,
    private readonly events: Events,
    private readonly afterCommit: AfterCommit,
  ) {}

  /** `inserted` has the results of `jobs`, in order. */
  announce(jobs: NewJob[], inserted: InsertedJob[]): void {
    const made = inserted.flatMap(({ job, replayed }, index) =>
      replayed ? [] : { job, reason: 'submitted', actor: jobs[index]?.actor ?? APPLICATION },
    );
    this.events.tell({ name: 'submitted', jobs: made });
  }

  /** The same for jobs in a transaction of the host, after its commit. */
  announceAfterCommit(jobs: NewJob[], inserted: InsertedJob[], manager: EntityManager): void {
    this.afterCommit.run(manager, () => void this.#announceExisting(jobs, inserted));
  }

  /**
   * Tells only of jobs that exist: a savepoint that the host rolled back with its own SQL, which TypeORM does not
   * report, may have removed some.
   */
  async #announceExisting(jobs: NewJob[], inserted: InsertedJob[]): Promise<void> {
    try {
      const existing = await Promise.all(inserted.map(({ job }) => this.#lookups.add(job)));
      const exists = (_each: unknown, index: number): boolean => existing[index] === true;
      this.announce(jobs.filter(exists), inserted.filter(exists));
    } catch (error) {
      // Only log lines are lost: the jobs still run, and the audit has its rows.
      this.#log.warn(
        `New jobs are missing from the audit log because reading them failed: ${faultText(error)}`,
      );
    }
  }

  async #exist(jobs: TenantJob[]): Promise<boolean[]> {
    const positions = await this.store.positions(jobs);
    return jobs.map(({ id }) => positions.has(id));
  }
}
