import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { APPLICATION } from '../job/actor.ts';
import type { TenantJob } from '../job/job.ts';
import { faultText } from '../runtime/loggable.ts';
import { Batcher } from '../runtime/batcher.ts';
import { Events } from '../events/events.ts';
import { type InsertedJob, JobStore, type NewJob } from '../store/job-store.ts';
import { AfterCommit } from './after-commit.ts';

/** Tells of new jobs once they are committed. */
@Injectable()
export class SubmitAnnouncer {
  readonly #log = new Logger('Jobstream');
  readonly #lookups = new Batcher((jobs: TenantJob[]) => this.#exist(jobs));

  constructor(
    private readonly store: JobStore,
    private readonly events: Events,
    private readonly afterCommit: AfterCommit,
  ) {}

  /** `inserted` stand at the indexes of the jobs that were asked for. */
  announce(jobs: NewJob[], inserted: InsertedJob[]): void {
    const made = inserted.flatMap(({ job, replayed }, index) =>
      replayed ? [] : { job, reason: 'submitted', actor: jobs[index]?.actor ?? APPLICATION },
    );
    this.events.tell({ name: 'submitted', jobs: made });
  }

  /** The same for those that joined a transaction of the host, once that has committed. */
  announceAfterCommit(jobs: NewJob[], inserted: InsertedJob[], manager: EntityManager): void {
    this.afterCommit.run(manager, () => void this.#announceExisting(jobs, inserted));
  }

  /** A savepoint that the host's own SQL rolled back, of which TypeORM tells nobody, may have taken some with it. */
  async #announceExisting(jobs: NewJob[], inserted: InsertedJob[]): Promise<void> {
    try {
      const existing = await Promise.all(inserted.map(({ job }) => this.#lookups.add(job)));
      const exists = (_each: unknown, index: number): boolean => existing[index] === true;
      this.announce(jobs.filter(exists), inserted.filter(exists));
    } catch (error) {
      // The jobs run all the same, and the audit has its rows.
      this.#log.warn(`New jobs are missing in the audit's log, as reading them failed: ${faultText(error)}`);
    }
  }

  async #exist(jobs: TenantJob[]): Promise<boolean[]> {
    const positions = await this.store.positions(jobs);
    return jobs.map(({ id }) => positions.has(id));
  }
}
