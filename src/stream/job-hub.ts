import { Injectable } from '@nestjs/common';
import { Events } from '../events/events.ts';
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

/** A use of a job's channel. Release it when done. */
export interface Watch {
  channel: JobChannel;
  release: () => void;
}

/** The watched jobs of this process: one channel per job, however many viewers it has. */
@Injectable()
export class JobHub implements Part {
  readonly #keys: Keys;
  readonly #watched = new Map<string, Watched>();
  readonly #looks: Loop;

  constructor(
    private readonly reader: JobReader,
    private readonly store: JobStore,
    private readonly subscriptions: Subscriptions,
    private readonly faults: ReadFaults,
    private readonly events: Events,
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

  /** The number of watched jobs. */
  get size(): number {
    return this.#watched.size;
  }

  /** A watched job as last read; null before its first read. */
  jobOf(id: string): Job | null {
    return this.#watched.get(id)?.channel.job ?? null;
  }

  /** Watches a job. `tenant` must come from a row that the caller was allowed to read. */
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

  /** Reports changes that only a backstop found. */
  found(jobs: readonly TenantJob[]): void {
    this.events.tell({ name: 'found', jobs });
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

  /** Reads the positions of all watched jobs, in case messages were lost. Returns false when none is watched. */
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
    if (behind && channel.job) this.found([channel.watched]);
    // A refresh also reads the last frame.
    if (behind || channel.waits) return channel.refresh();
    const last = await this.reader.lastFrame(channel.watched.id);
    if (last && last.cursor.version === channel.version && isAfter(last.cursor, known))
      await channel.refresh();
  }
}
