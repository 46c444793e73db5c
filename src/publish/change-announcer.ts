import { Injectable } from '@nestjs/common';
import type { Part } from '../runtime/part.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { sendAll } from '../redis/send-all.ts';
import { Events } from '../events/events.ts';
import { CHANGES, type Changes } from '../events/facts.ts';
import { encodeChanges, encodeNudge } from './frame.ts';

/** Nudges all processes about changes that this one committed. A nudge carries no state: receivers read the row. */
@Injectable()
export class ChangeAnnouncer implements Part {
  #stopListening: (() => void)[] = [];

  constructor(
    private readonly redis: RedisConnections,
    private readonly events: Events,
  ) {}

  start(): void {
    this.#stopListening = [
      this.events.on(CHANGES, (changes) => this.#announce(changes)),
      this.events.on('cancelRequested', ({ job }) => this.#requestCancel(job.id)),
    ];
  }

  stop(): void {
    for (const stop of this.#stopListening) stop();
  }

  /** Asks the worker that runs the job to abort it. All workers hear the request; only that one acts. */
  async #requestCancel(jobId: string): Promise<void> {
    await this.redis.command.publish(this.redis.keys.cancelChannel, jobId).catch(() => {
      // The worker also finds the request in the row with its next lease renewal.
      this.events.tell({ name: 'unpublished', messages: 1 });
    });
  }

  async #announce({ jobs: changes }: Changes): Promise<void> {
    const jobs = changes.map(({ job }) => job);
    const pipeline = this.redis.command.pipeline();
    for (const { id, version } of jobs)
      pipeline.publish(this.redis.keys.jobChannel(id), encodeNudge(version));
    pipeline.publish(this.redis.keys.changesChannel, encodeChanges(jobs));
    const failed = await sendAll(pipeline);
    if (failed > 0) this.events.tell({ name: 'unpublished', messages: failed });
  }
}
