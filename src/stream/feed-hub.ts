import { Injectable } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { type Job, type Progress, type TenantJob, toJobView } from '../job/job.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { decodeChanges } from '../publish/frame.ts';
import { redisKeys } from '../redis/keys.ts';
import { type Subscriber, Subscriptions } from '../redis/subscriptions.ts';
import { Loop } from '../runtime/loop.ts';
import { JobFeed, type Watermark } from '../store/job-feed.ts';
import type { FeedViewer } from './feed-viewer.ts';
import type { StreamFrame } from './frames.ts';
import type { JobChannel } from './job-channel.ts';
import { JobHub } from './job-hub.ts';
import { JobReader } from './job-reader.ts';
import { ReadFaults, readingFailed } from './read-faults.ts';

interface Running {
  /** The newest version that was shown to a feed. */
  version: number;
  channel: JobChannel;
  release: () => void;
  frames: Subscription;
}

/** Serves all open feeds of the process: one channel for changes, and progress of the running jobs that they show. */
@Injectable()
export class FeedHub implements Subscriber {
  readonly #viewers = new Set<FeedViewer>();
  readonly #running = new Map<string, Running>();
  readonly #reads = new Set<Promise<void>>();
  /** The shown version of each job that changed since the watermark. */
  #shown = new Map<string, number>();
  #watermark: Watermark | null = null;
  #stopListening: (() => void) | null = null;
  readonly #looks: Loop;

  constructor(
    private readonly feed: JobFeed,
    private readonly reader: JobReader,
    private readonly hub: JobHub,
    private readonly subscriptions: Subscriptions,
    private readonly faults: ReadFaults,
    private readonly options: ResolvedOptions,
  ) {
    this.#looks = new Loop((stop) => this.#look(stop), {
      everyMs: options.stream.backstopMs,
      outage: faults.outage,
      failed: readingFailed('changes'),
    });
  }

  /** Shows the viewer every change committed after the watermark. Read the watermark before this call. */
  add(viewer: FeedViewer, watermark: Watermark): () => void {
    this.#viewers.add(viewer);
    this.#watermark ??= watermark;
    this.#looks.start();
    this.#stopListening ??= this.subscriptions.listen(redisKeys(this.options.prefix).changesChannel, this);
    return () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) this.#close();
    };
  }

  /**
   * The encoded `job` frame, with the newest progress; a running job is followed from now on. Null for a row that
   * cannot be encoded: feeds leave it out.
   */
  encode(job: Job): string | null {
    const known = this.#running.get(job.id)?.version ?? this.#shown.get(job.id) ?? 0;
    // Do not follow an old version: its progress would take feeds back that know a newer one.
    if (job.version > known) this.#unfollow(job.id);
    if (job.version >= known && job.status === 'active') this.#follow(job);
    return this.#encoded(this.#withNewestProgress(job));
  }

  /** Resolves when all current reads have been shown. Feeds that are still loading have noted the changed jobs. */
  async settled(): Promise<void> {
    await Promise.all([...this.#reads, this.#looks.settled()]);
  }

  onMessage(message: string): void {
    const changed = decodeChanges(message);
    this.faults.checked('feeds', changed.length > 0 ? changed : null);
    for (const job of changed) if (this.#concerns(job.tenant)) this.#begin(this.#read(job));
  }

  /** Messages may have been published before the subscription was acknowledged, so read the changes from Postgres. */
  onSubscribed(): void {
    this.#looks.wake();
  }

  #begin(read: Promise<void>): void {
    const noted = read.finally(() => this.#reads.delete(noted));
    this.#reads.add(noted);
  }

  #concerns(tenant: string): boolean {
    for (const { visibility } of this.#viewers)
      if (visibility.tenant === null || visibility.tenant === tenant) return true;
    return false;
  }

  /**
   * Reads the job only if it has the tenant in the message, because anyone with access to Redis can publish a change.
   */
  async #read(changed: TenantJob): Promise<void> {
    try {
      const job = await this.reader.job(changed);
      if (job) this.#show(job);
    } catch (error) {
      // The backstop will read it again.
      this.faults.report(`job ${changed.id}`, error);
    }
  }

  #show(job: Job): void {
    if ((this.#shown.get(job.id) ?? 0) > job.version) return;
    this.#shown.set(job.id, job.version);
    this.#tell(job, () => this.encode(job));
  }

  /** Encodes the job once for all feeds that cover it, and not at all if none does. */
  #tell(job: Job, encode: () => string | null): void {
    const covering = [...this.#viewers].filter((viewer) => viewer.covers(job));
    if (covering.length === 0) return this.#unfollow(job.id);
    const data = encode();
    if (data !== null) for (const viewer of covering) viewer.changed(job, data);
  }

  #follow(job: Job): void {
    const { id, version } = job;
    if (this.#running.has(id) || this.#viewers.size === 0) return;
    const { channel, release } = this.hub.watch(job);
    const frames = channel.frames$.subscribe({
      next: (frame) => frame.type === 'progress' && this.#showProgress(channel.job, frame),
      // The job was purged; feeds send nothing for that.
      complete: () => this.#unfollow(id),
    });
    this.#running.set(id, { version, channel, release, frames });
  }

  /**
   * Skips progress of other versions: a channel that lags behind emits frames of earlier attempts while it catches up.
   */
  #showProgress(job: Job | null, frame: StreamFrame): void {
    const { version } = frame.cursor;
    if (job?.version !== version || this.#running.get(job.id)?.version !== version) return;
    const now = { ...job, progress: progressOf(frame) };
    this.#tell(now, () => this.#encoded(now));
  }

  /** The row's progress may be 1 s older than that of the channel. */
  #withNewestProgress(job: Job): Job {
    const newest = this.#running.get(job.id)?.channel.progress;
    if (newest?.cursor.version !== job.version || newest.cursor.tick <= job.progressTick) return job;
    return { ...job, progress: progressOf(newest) };
  }

  #encoded(job: Job): string | null {
    try {
      return JSON.stringify({ job: toJobView(job, this.options.publicPath) });
    } catch (error) {
      this.faults.report(`job ${job.id}`, error);
      return null;
    }
  }

  #unfollow(id: string): void {
    const running = this.#running.get(id);
    this.#running.delete(id);
    running?.frames.unsubscribe();
    running?.release();
  }

  /**
   * Reads and shows the changes since the watermark, then advances it: everything before it has been shown to all
   * feeds.
   */
  async #look(stop: AbortSignal): Promise<void> {
    const next = await this.feed.watermark();
    if (stop.aborted) return;
    const jobs = await this.#changedSince(this.#watermark ?? next);
    // All viewers left meanwhile. The next one brings a new watermark.
    if (stop.aborted) return;
    const missed = jobs.filter(({ id, version }) => (this.#shown.get(id) ?? 0) < version);
    this.hub.found(missed);
    for (const job of missed) if (!stop.aborted) this.#show(job);
    if (!stop.aborted) this.#advance(next, jobs);
  }

  #changedSince(watermark: Watermark): Promise<Job[]> {
    const tenants = new Set([...this.#viewers].map(({ visibility }) => visibility.tenant));
    return this.feed.changedSince(watermark, tenants.has(null) ? null : ([...tenants] as string[]));
  }

  #advance(next: Watermark, jobs: Job[]): void {
    this.#watermark = next;
    this.#shown = new Map(jobs.map((job) => [job.id, job.version]));
    for (const viewer of this.#viewers) if (!viewer.loading) viewer.advance(next);
  }

  #close(): void {
    this.#stopListening?.();
    this.#stopListening = null;
    void this.#looks.stop();
    this.#watermark = null;
    this.#shown.clear();
    for (const id of this.#running.keys()) this.#unfollow(id);
  }
}

function progressOf({ data }: StreamFrame): Progress {
  return (JSON.parse(data) as { progress: Progress }).progress;
}
