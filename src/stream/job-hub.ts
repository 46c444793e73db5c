import { Injectable } from '@nestjs/common';
import { isAfter } from '../job/cursor.ts';
import type { Job, TenantJob } from '../job/job.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { type Keys, redisKeys } from '../redis/keys.ts';
import { Subscriptions } from '../redis/subscriptions.ts';
import { Loop } from '../runtime/loop.ts';
import type { Part } from '../runtime/part.ts';
import { JobStore } from '../store/job-store.ts';
import { JobChannel } from './job-channel.ts';
import { JobReader } from './job-reader.ts';
import { ReadFaults, readingFailed } from './read-faults.ts';

interface Watched {
  channel: JobChannel;
  viewers: number;
  stopListening: () => void;
}

/** A lease on a job's channel; release it once. */
export interface Watch {
  channel: JobChannel;
  release: () => void;
}

/** Every job that somebody watches in this process, once, however many watch it. */
@Injectable()
export class JobHub implements Part {
  readonly #keys: Keys;
  readonly #watched = new Map<string, Watched>();
  readonly #looks: Loop;
  /** Changes that only the backstop found. While it grows, nudges get lost: look at Redis. */
  backstopHits = 0;

  constructor(
    private readonly reader: JobReader,
    private readonly store: JobStore,
    private readonly subscriptions: Subscriptions,
    private readonly faults: ReadFaults,
    private readonly options: ResolvedOptions,
  ) {
    this.#keys = redisKeys(options.prefix);
    this.#looks = new Loop(() => this.#backstop(), {
      everyMs: options.stream.backstopMs,
      outage: faults.outage,
      failed: readingFailed('the positions of jobs'),
    });
  }

  start(): void {
    this.#looks.start();
  }

  stop(): Promise<void> {
    return this.#looks.stop();
  }

  /** Jobs that are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** Counter: messages from Redis that were dropped, as Jobstream did not write them. */
  get malformed(): number {
    return this.faults.malformed;
  }

  /** A watched job as it was last read; null where it has not been. */
  jobOf(id: string): Job | null {
    return this.#watched.get(id)?.channel.job ?? null;
  }

  /** Watches a job; its tenant is that of its row, as somebody has read it who may see it. */
  watch({ id, tenant }: TenantJob): Watch {
    const watched = this.#watched.get(id) ?? this.#open({ id, tenant });
    watched.viewers += 1;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#release(id, watched);
    };
    return { channel: watched.channel, release };
  }

  #open(job: TenantJob): Watched {
    const { id } = job;
    const channel = new JobChannel(job, this.reader, this.options.publicPath, this.faults);
    const stopListening = this.subscriptions.listen(this.#keys.jobChannel(id), channel);
    const watched = { channel, viewers: 0, stopListening };
    this.#watched.set(id, watched);
    return watched;
  }

  #release(id: string, watched: Watched): void {
    watched.viewers -= 1;
    if (watched.viewers > 0) return;
    watched.stopListening();
    if (this.#watched.get(id) === watched) this.#watched.delete(id);
  }

  /** Reads how far all watched jobs are, for what a lost message would have said. False: none is watched. */
  async #backstop(): Promise<boolean> {
    if (this.#watched.size === 0) return false;
    const channels = [...this.#watched.values()].map(({ channel }) => channel);
    const positions = await this.store.positions(channels.map(({ watched }) => watched));
    await Promise.all(channels.map((channel) => this.#check(channel, positions.get(channel.watched.id))));
    return true;
  }

  async #check(channel: JobChannel, position: { version: number; tick: number } | undefined): Promise<void> {
    const known = channel.progress?.cursor ?? { version: channel.version, tick: 0 };
    const behind = !position || position.version > channel.version || isAfter(position, known);
    if (behind && channel.job) this.backstopHits += 1;
    // Either way the channel reads the last frame itself.
    if (behind || channel.waits) return channel.refresh();
    const last = await this.reader.lastFrame(channel.watched.id);
    if (last && last.cursor.version === channel.version && isAfter(last.cursor, known))
      await channel.refresh();
  }
}
