import { isInRange } from '../access/jobs-access.ts';
import type { Job, TenantJob } from '../job/job.ts';
import type { Visibility } from '../job/visibility.ts';
import type { JobFilter, Watermark } from '../store/job-feed.ts';
import type { Viewer } from './viewer.ts';

/** Which jobs the client may see: those that SQL may read for it and that the policy allows at the moment. */
export interface Sight {
  visibility: Visibility;
  sees(job: Job): boolean;
}

/** One open feed: which jobs it shows, and what it has sent to its client. */
export class FeedViewer {
  /** Jobs that changed while the first state was read; they are read again afterwards. Null once the feed is live. */
  #changedMeanwhile: Map<string, TenantJob> | null = new Map();
  /**
   * Whether the client has each job, as far as known. Null without a filter by status, because then no job leaves the
   * feed.
   */
  readonly #shown: Map<string, boolean> | null;

  constructor(
    private readonly sight: Sight,
    readonly filter: JobFilter,
    private readonly viewer: Viewer,
    private watermark: Watermark,
    /** Whether the client resumed, so that it may have jobs that this stream did not send. */
    private readonly resumed: boolean,
  ) {
    this.#shown = filter.status ? new Map() : null;
  }

  get visibility(): Visibility {
    return this.sight.visibility;
  }

  /** Sends waiting frames as far as the client takes them. Returns whether it would take more. */
  flush(): boolean {
    return this.viewer.flush();
  }

  /** Whether the job belongs to this feed apart from the filter by status. */
  covers(job: Job): boolean {
    const { job: only } = this.visibility;
    const { type, tag, ids } = this.filter;
    return (
      isInRange(job, this.visibility) &&
      (only === null || job.id === only) &&
      (!type || type.includes(job.type)) &&
      (!tag || tag.some((name) => job.tags.includes(name))) &&
      (!ids || ids.includes(job.id))
    );
  }

  /** Handles a change of a job of this feed; `data` is its `job` frame, encoded once for all feeds. Never throws. */
  changed(job: Job, data: string): void {
    if (this.#changedMeanwhile) this.#changedMeanwhile.set(job.id, job);
    else this.viewer.attempt(() => this.show(job, data));
  }

  /** Sends the job if the client may see it, or `gone` if it no longer matches but may have been shown. */
  show(job: Job, data: string): void {
    if (!this.sight.sees(job)) return;
    if (this.filter.status && !this.filter.status.includes(job.status)) return this.#gone(job.id);
    this.#shown?.set(job.id, true);
    this.viewer.send({ id: this.watermark, type: 'job', data }, job.id);
  }

  #gone(id: string): void {
    const shown = this.#shown?.get(id) ?? this.resumed;
    this.#shown?.set(id, false);
    if (shown) this.viewer.send({ id: this.watermark, type: 'gone', data: JSON.stringify({ id }) }, id);
  }

  /** The jobs that changed since the last call. Null when there are none; from then on changes are sent at once. */
  takeChangedMeanwhile(): TenantJob[] | null {
    const jobs = [...(this.#changedMeanwhile?.values() ?? [])];
    this.#changedMeanwhile = jobs.length > 0 ? new Map() : null;
    return jobs.length > 0 ? jobs : null;
  }

  ready(watermark: Watermark): void {
    this.advance(watermark);
    this.viewer.send({ id: this.watermark, type: 'ready', data: '{}' });
  }

  /** Notes that everything before the watermark was sent, so that the client may resume there. */
  advance(watermark: Watermark): void {
    if (BigInt(watermark) > BigInt(this.watermark)) this.watermark = watermark;
  }

  get loading(): boolean {
    return this.#changedMeanwhile !== null;
  }
}
