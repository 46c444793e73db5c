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

/** Jobs that are read, and sent, in one go. */
const PAGE = 200;
/** The id of frames before the first `ready`. */
const BEGINNING: Watermark = '0';
/** How often a client that does not keep up is looked at while it is sent what it has missed. */
const BREATH_MS = 50;

/** The feed of many jobs: what is, or what has changed since a cursor; then `ready`; then live. */
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
    // Without leading zeros: Postgres reads those as octal, and refuses `09`.
    const cursor = /^[1-9]\d{0,17}$/.test(request.cursor) ? request.cursor : BEGINNING;
    const { permit } = request;
    const mayStay = (): boolean => permit.sees(null);
    const sight = sightOf(permit);
    // Nothing that was shown can have left a feed without a status filter: its client need not forget it.
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
    // The hub must not listen for a client that left while the watermark was read: its abort is past.
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
    // A job that no longer matches has to be read as well, to be told gone.
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
      // What the hub began to read earlier may be older than what was just sent: the feed notes it, and reads it again.
      await this.hub.settled();
      const changed = feed.takeChangedMeanwhile();
      if (!changed) return;
      const jobs = await this.#untilRead(() => Promise.all(changed.map((job) => this.reader.job(job))), left);
      // Jobs may change faster than a slow client takes them: from the second round on they wait in their places.
      if (first) await this.#showAll(jobs ?? [], feed, left);
      else for (const job of jobs ?? []) if (!left.aborted) this.#show(job, feed);
    }
  }

  /** No faster than the client takes them. What changes meanwhile is read again once all have been shown. */
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

  /** Postgres may be away: the client waits, with heartbeats, rather than being sent away. Null when it left. */
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

/** The client is to forget all jobs; everything follows. */
function reset(viewer: Viewer): void {
  viewer.send({ id: BEGINNING, type: 'reset', data: JSON.stringify({ reason: 'unknown_cursor' }) });
}
