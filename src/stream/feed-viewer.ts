import { isInRange } from '../access/jobs-access.ts';
import type { Job, TenantJob } from '../job/job.ts';
import type { Visibility } from '../job/visibility.ts';
import type { JobFilter, Watermark } from '../store/job-feed.ts';
import type { Viewer } from './viewer.ts';

/** Which jobs the client may see: those that SQL reads for it, as far as the policy agrees at that moment. */
export interface Sight {
  visibility: Visibility;
  sees(job: Job): boolean;
}

/** One open feed: which jobs it shows, and what its client has been told. */
export class FeedViewer {
  /** Jobs that changed while the first state was being read: they are read again after it. */
  #changedMeanwhile: Map<string, TenantJob> | null = new Map();
  /** Only a filter by status lets a job leave again: whether its client has each job, as far as that is known. */
  readonly #shown: Map<string, boolean> | null;

  constructor(
    private readonly sight: Sight,
    readonly filter: JobFilter,
    private readonly viewer: Viewer,
    private watermark: Watermark,
    /** An earlier stream has shown jobs that this one knows nothing of. */
    private readonly resumed: boolean,
  ) {
    this.#shown = filter.status ? new Map() : null;
  }

  get visibility(): Visibility {
    return this.sight.visibility;
  }

  /** Sends what waits, as far as the client takes it; returns whether it would take more. */
  flush(): boolean {
    return this.viewer.flush();
  }

  /** Whether the job is of this feed, whatever its status is now. */
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

  /** A job of this feed that has just changed; `data` is its `job` frame, encoded once for all feeds. Never throws. */
  changed(job: Job, data: string): void {
    if (this.#changedMeanwhile) this.#changedMeanwhile.set(job.id, job);
    else this.viewer.attempt(() => this.show(job, data));
  }

  /** Sends the job as it is where its client may see it, or `gone` when it no longer matches but may have been shown. */
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

  /** Jobs that changed since the last call; null while none did, and from then on changes are sent at once. */
  takeChangedMeanwhile(): TenantJob[] | null {
    const jobs = [...(this.#changedMeanwhile?.values() ?? [])];
    this.#changedMeanwhile = jobs.length > 0 ? new Map() : null;
    return jobs.length > 0 ? jobs : null;
  }

  ready(watermark: Watermark): void {
    this.advance(watermark);
    this.viewer.send({ id: this.watermark, type: 'ready', data: '{}' });
  }

  /** Everything before the watermark has been sent: a resume may start there. */
  advance(watermark: Watermark): void {
    if (BigInt(watermark) > BigInt(this.watermark)) this.watermark = watermark;
  }

  get loading(): boolean {
    return this.#changedMeanwhile !== null;
  }
}
