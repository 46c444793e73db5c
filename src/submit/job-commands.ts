import { Injectable } from '@nestjs/common';
import type { JobPermit } from '../access/permit.ts';
import { JobFinal, JobNotRetryable } from '../job/job-errors.ts';
import { isFinal, isRetryable, type Job } from '../job/job.ts';
import { JobLeases } from '../store/job-leases.ts';
import { JobMoves } from '../store/job-moves.ts';
import { JobQueries } from './job-queries.ts';
import { QueueBound } from './queue-bound.ts';

/** Cancels and retries existing jobs as far as a permit allows. */
@Injectable()
export class JobCommands {
  constructor(
    private readonly queries: JobQueries,
    private readonly moves: JobMoves,
    private readonly leases: JobLeases,
    private readonly bound: QueueBound,
  ) {}

  /** Cancels a queued job at once, and asks a running one to stop. Throws `JobFinal` for a job that has ended. */
  async cancel(id: string, permit: JobPermit): Promise<Job> {
    const visibility = permit.visibility('cancel');
    const { actor } = permit;
    // Between the statements the job may be claimed or requeued, so repeat until one of them applies.
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
   * Queues a failed or cancelled job again. Throws `JobNotRetryable` for any other job, and `429 too_many_queued_jobs`
   * when its tenant has too many queued jobs.
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
