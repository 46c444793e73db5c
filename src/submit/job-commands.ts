import { Injectable } from '@nestjs/common';
import type { JobPermit } from '../access/permit.ts';
import { JobFinal, JobNotRetryable } from '../job/job-errors.ts';
import { isFinal, isRetryable, type Job } from '../job/job.ts';
import { JobLeases } from '../store/job-leases.ts';
import { JobMoves } from '../store/job-moves.ts';
import { JobQueries } from './job-queries.ts';
import { QueueBound } from './queue-bound.ts';

/** Changes the course of a job that exists, where a permit lets do so. */
@Injectable()
export class JobCommands {
  constructor(
    private readonly queries: JobQueries,
    private readonly moves: JobMoves,
    private readonly leases: JobLeases,
    private readonly bound: QueueBound,
  ) {}

  /** Cancels a queued job at once and asks a running one to stop; a final one throws `JobFinal`. */
  async cancel(id: string, permit: JobPermit): Promise<Job> {
    const visibility = permit.visibility('cancel');
    const { actor } = permit;
    // A job may be claimed or given back between two looks, so look again until one of them holds.
    for (;;) {
      const job = await this.queries.find(id, visibility);
      permit.check('cancel', job);
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
  async retry(id: string, permit: JobPermit): Promise<Job> {
    const visibility = permit.visibility('retry');
    const { actor } = permit;
    const found = await this.queries.find(id, visibility);
    permit.check('retry', found);
    if (!isRetryable(found.status)) throw new JobNotRetryable();
    const job = await this.bound.admit([found], () => this.moves.retry(id, visibility, actor));
    if (!job) throw new JobNotRetryable();
    return job;
  }
}
