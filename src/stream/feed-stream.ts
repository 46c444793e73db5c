import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { Permit } from '../access/permit.ts';
import type { Job } from '../job/job.ts';
import { pause, untilDone } from '../runtime/until-done.ts';
import { JobFeed, type JobFilter, type JobPage, type Watermark } from '../store/job-feed.ts';
import { FeedHub } from './feed-hub.ts';
import { FeedViewer, type Sight } from './feed-viewer.ts';
import type { WireFrame } from './frames.ts';
import { JobReader } from './job-reader.ts';
import { ReadFaults, readingFailed } from './read-faults.ts';
import type { Viewer } from './viewer.ts';
import { type StreamRequest, Viewers } from './viewers.ts';

export interface FeedRequest extends StreamRequest {
  filter: JobFilter;
}

interface OpenFeed extends FeedRequest {
  sight: Sight;
}

/** Jobs that are read and sent at a time. */
const PAGE = 200;
/** The id of frames before the first `ready`. */
const BEGINNING: Watermark = '0';
/** While the first state is sent to a slow client: how often it is checked whether it takes more. */
const BREATH_MS = 50;

/** The feed of many jobs: first all jobs, or those that changed since the cursor; then `ready`; then live changes. */
@Injectable()
export class FeedStream {
  constructor(
    private readonly feed: JobFeed,
    private readonly hub: FeedHub,
    private readonly reader: JobReader,
    private readonly viewers: Viewers,
    private readonly faults: ReadFaults,
  ) {}

  open(request: FeedRequest): Observable<WireFrame> {
    // No leading zeros, because Postgres reads them as octal and rejects `09`.
    const cursor = /^[1-9]\d{0,17}$/.test(request.cursor) ? request.cursor : BEGINNING;
    const { permit } = request;
    const mayStay = (): boolean => permit.sees(null);
    const sight = sightOf(permit);
    // Whether no `reset` is needed: without a filter by status no shown job can leave the feed, so there is nothing to
    // forget.
    const begun = request.cursor === '' || (request.cursor === BEGINNING && !request.filter.status);
    return this.viewers.open({ ...request, cursor, mayStay }, (viewer) => {
      if (cursor === BEGINNING && !begun) reset(viewer);
      const left = new AbortController();
      this.#follow({ ...request, sight }, cursor, viewer, left.signal).catch((error: unknown) =>
        viewer.fail(error),
      );
      return () => left.abort();
    });
  }

  async #follow(request: OpenFeed, cursor: Watermark, viewer: Viewer, left: AbortSignal): Promise<void> {
    const now = await this.#untilRead(() => this.feed.watermark(), left);
    // If the client left during the read, its abort event is over, and nothing would remove the feed from the hub.
    if (now === null || left.aborted) return;
    const known = cursor !== BEGINNING && BigInt(cursor) <= BigInt(now);
    const feed = new FeedViewer(request.sight, request.filter, viewer, known ? cursor : BEGINNING, known);
    left.addEventListener('abort', this.hub.add(feed, now));
    if (cursor !== BEGINNING && !known) reset(viewer);
    await this.#sendFirstState(request, feed, known ? cursor : null, left);
    await this.#sendChangedMeanwhile(feed, left);
    if (!left.aborted) feed.ready(now);
  }

  async #sendFirstState(
    { filter, sight: { visibility } }: OpenFeed,
    feed: FeedViewer,
    since: Watermark | null,
    left: AbortSignal,
  ) {
    // Jobs that no longer match have to be read too, so that `gone` is sent for them.
    const asked = since === null ? filter : { ...filter, status: undefined };
    let before: string | null = null;
    while (!left.aborted) {
      const page: JobPage = { filter: asked, visibility, since, before, limit: PAGE };
      const jobs = (await this.#untilRead(() => this.feed.page(page), left)) ?? [];
      await this.#showAll(jobs, feed, left);
      if (jobs.length < PAGE) return;
      before = jobs.at(-1)?.id ?? null;
    }
  }

  async #sendChangedMeanwhile(feed: FeedViewer, left: AbortSignal): Promise<void> {
    for (let first = true; !left.aborted; first = false) {
      // Reads of the hub that began earlier may be older than the jobs just sent. The feed notes those jobs and reads
      // them again.
      await this.hub.settled();
      const changed = feed.takeChangedMeanwhile();
      if (!changed) return;
      const jobs = await this.#untilRead(() => Promise.all(changed.map((job) => this.reader.job(job))), left);
      // Waiting for a slow client again might never end if jobs change faster. From the second round on, frames are
      // queued, where a newer one replaces an older one of the same job.
      if (first) await this.#showAll(jobs ?? [], feed, left);
      else for (const job of jobs ?? []) if (!left.aborted) this.#show(job, feed);
    }
  }

  /** Sends the jobs no faster than the client reads. Jobs that change meanwhile are read again afterwards. */
  async #showAll(jobs: (Job | null)[], feed: FeedViewer, left: AbortSignal): Promise<void> {
    for (const job of jobs) {
      if (left.aborted) return;
      this.#show(job, feed);
      if (!feed.flush()) await this.#untilTaken(feed, left);
    }
  }

  #show(job: Job | null, feed: FeedViewer): void {
    const data = job && this.hub.encode(job);
    if (data !== null) feed.show(job as Job, data);
  }

  /**
   * Retries while Postgres is unavailable; the client waits with heartbeats instead of being disconnected. Null when it
   * left.
   */
  #untilRead<T>(read: () => Promise<T>, left: AbortSignal): Promise<T | null> {
    return untilDone(readingFailed('a feed'), read, left, this.faults.outage);
  }

  async #untilTaken(feed: FeedViewer, left: AbortSignal): Promise<void> {
    await turn();
    while (!left.aborted && !feed.flush()) await pause(BREATH_MS, left);
  }
}

function sightOf(permit: Permit): Sight {
  return { visibility: permit.visibility('read'), sees: (job) => permit.sees(job) };
}

/** Tells the client to forget all jobs, because everything is sent again. */
function reset(viewer: Viewer): void {
  viewer.send({ id: BEGINNING, type: 'reset', data: JSON.stringify({ reason: 'unknown_cursor' }) });
}
