import { Injectable } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { ResolvedOptions } from '../jobs.options.ts';
import { type Keys, redisKeys } from '../redis/keys.ts';
import type { Part } from '../runtime/part.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { sendAll } from '../redis/send-all.ts';
import { type ChangedJob, CommittedChanges } from '../events/committed-changes.ts';
import { encodeChanges, encodeNudge } from './frame.ts';

/** Tells every process of status changes that this one has committed: a nudge, the truth is in the row. */
@Injectable()
export class ChangeAnnouncer implements Part {
  readonly #keys: Keys;
  #changes: Subscription | null = null;
  /** Nudges that Redis did not take; the backstop finds what they would have said. */
  failures = 0;

  constructor(
    private readonly redis: RedisConnections,
    private readonly committed: CommittedChanges,
    { prefix }: ResolvedOptions,
  ) {
    this.#keys = redisKeys(prefix);
  }

  start(): void {
    this.#changes = this.committed.changes$.subscribe((jobs) => void this.#announce(jobs));
  }

  stop(): void {
    this.#changes?.unsubscribe();
  }

  /** Asks the worker that runs the job, whichever it is, to abort it. */
  async requestCancel(jobId: string): Promise<void> {
    await this.redis.command.publish(this.#keys.cancelChannel, jobId).catch(() => {
      // The worker reads the request with its next lease renewal.
      this.failures += 1;
    });
  }

  async #announce(jobs: readonly ChangedJob[]): Promise<void> {
    const pipeline = this.redis.command.pipeline();
    for (const { id, version } of jobs) pipeline.publish(this.#keys.jobChannel(id), encodeNudge(version));
    pipeline.publish(this.#keys.changesChannel, encodeChanges(jobs));
    this.failures += await sendAll(pipeline);
  }
}
