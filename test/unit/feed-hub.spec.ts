import { setImmediate as settled } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Events } from '../../src/events/events.ts';
import { Observable, Subject, type Subscriber, type Subscription } from 'rxjs';
import type { Job } from '../../src/job/job.ts';
import { toProgress } from '../../src/job/progress.ts';
import { EVERYTHING } from '../../src/job/visibility.ts';
import type { ResolvedOptions } from '../../src/jobs.options.ts';
import { encodeChanges } from '../../src/publish/frame.ts';
import type { Subscriptions } from '../../src/redis/subscriptions.ts';
import type { JobFeed } from '../../src/store/job-feed.ts';
import { FeedHub } from '../../src/stream/feed-hub.ts';
import { type FeedRequest, FeedStream } from '../../src/stream/feed-stream.ts';
import type { StreamFrame, WireFrame } from '../../src/stream/frames.ts';
import type { JobHub } from '../../src/stream/job-hub.ts';
import type { JobReader } from '../../src/stream/job-reader.ts';
import { ReadFaults } from '../../src/stream/read-faults.ts';
import type { Viewer } from '../../src/stream/viewer.ts';
import type { Viewers } from '../../src/stream/viewers.ts';
import { aJob } from '../support/jobs.ts';

/** A read is answered with the row as it was when it began, when the test says so. */
class HeldReads {
  readonly #waiting: (() => void)[] = [];
  held = false;

  async read<T>(row: T): Promise<T> {
    if (this.held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return row;
  }

  release(): void {
    this.held = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const watching: Subscription[] = [];
afterEach(() => {
  for (const feed of watching.splice(0)) feed.unsubscribe();
});

/** One job, its channel in this process, and the feeds that show it. */
function aHub(first: Partial<Job> = {}) {
  const world = { job: aJob(first) };
  const reads = new HeldReads();
  const looks = new HeldReads();
  const changed: Job[] = [];
  const feed = {
    watermark: async () => '7',
    page: async () => [world.job],
    changedSince: () => looks.read([...changed]),
  } as unknown as JobFeed;
  const reader = { job: () => reads.read(world.job) } as unknown as JobReader;
  const channel = {
    frames$: new Subject<StreamFrame>(),
    job: null as Job | null,
    progress: null as StreamFrame | null,
  };
  const followed = { count: 0 };
  const watch = () => {
    followed.count += 1;
    return { channel, release: () => (followed.count -= 1) };
  };
  const jobs = { watch, found: () => undefined } as unknown as JobHub;
  const subscriptions = { listen: () => () => undefined } as unknown as Subscriptions;
  const options = { prefix: '', publicPath: '', stream: { backstopMs: 60_000 } } as ResolvedOptions;
  const faults = new ReadFaults(new Events());
  const hub = new FeedHub(feed, reader, jobs, subscriptions, faults, options);
  const announce = (): void => hub.onMessage(encodeChanges([world.job]));

  /** What the client of a new feed is sent: `ready`, or the job as `version done`. */
  const open = (sees: (job: Job) => boolean = () => true): string[] => {
    const sent: string[] = [];
    const send = ({ type, data }: WireFrame): void => {
      const { job } = JSON.parse(data ?? '') as { job?: Job };
      sent.push(job ? `${job.version} ${job.progress?.done ?? '-'}` : String(type));
    };
    const fail = (): unknown => sent.push('failed');
    const attempt = (act: () => void): void => {
      try {
        act();
      } catch {
        fail();
      }
    };
    const viewers = {
      open: (_request: FeedRequest, follow: (viewer: Viewer) => () => void) =>
        new Observable((subscriber: Subscriber<WireFrame>) =>
          subscriber.add(follow({ send, flush: () => true, attempt, fail } as unknown as Viewer)),
        ),
    } as unknown as Viewers;
    const permit = { visibility: () => EVERYTHING, sees: (job: Job) => sees(job) };
    const stream = new FeedStream(feed, hub, reader, viewers, faults);
    watching.push(stream.open({ cursor: '', filter: {}, permit } as unknown as FeedRequest).subscribe());
    return sent;
  };
  /** The channel has taken in a frame of progress. */
  const progress = (version: number, tick: number): void => {
    const data = JSON.stringify({ progress: toProgress({ done: tick }) });
    channel.progress = { cursor: { version, tick }, type: 'progress', data };
    channel.frames$.next(channel.progress);
  };
  return { world, reads, looks, changed, hub, channel, announce, open, progress, followed };
}

const active = (version: number, done: number): Job =>
  aJob({ status: 'active', version, progressTick: done, progress: toProgress({ done }) });

describe('the hub of the feeds', () => {
  it('shows no older version to a feed whose first state was read after a read that is slower', async () => {
    const { world, reads, announce, open } = aHub();
    const other = open();
    await settled();
    world.job = aJob({ version: 2 });
    reads.held = true;
    announce();
    world.job = aJob({ version: 3 });

    const sent = open();
    await settled();
    reads.release();
    await settled();

    expect(sent).toEqual(['3 -', '3 -', 'ready']);
    expect(other).toEqual(['1 -', 'ready', '2 -']);
  });

  it('shows the progress of an attempt only with that attempt', async () => {
    const { world, channel, announce, open, progress } = aHub({ status: 'active', version: 2 });
    const sent = open();
    await settled();
    world.job = aJob({ status: 'active', version: 4 });
    announce();
    await settled();

    channel.job = aJob({ status: 'active', version: 2 });
    progress(2, 8);
    channel.job = world.job;
    progress(2, 9);
    progress(4, 1);

    expect(sent).toEqual(['2 -', 'ready', '4 -', '4 1']);
  });

  it('shows no progress of a version that a feed already knows to be over', async () => {
    const { world, channel, open, progress } = aHub({ status: 'active', version: 2 });
    open();
    await settled();
    channel.job = world.job;
    world.job = aJob({ status: 'completed', version: 3 });

    const second = open();
    await settled();
    progress(2, 8);

    expect(second).toEqual(['3 -', 'ready']);
  });

  it('shows the newest progress where the row is behind it', async () => {
    const { world, channel, open, progress } = aHub(active(2, 3));
    open();
    await settled();
    channel.job = world.job;
    progress(2, 5);

    const second = open();
    await settled();

    expect(second).toEqual(['2 5', 'ready']);
  });

  it('shows a change to all feeds but the one whose policy fails over it', async () => {
    const { world, announce, open } = aHub();
    const failing = open(({ version }) => {
      if (version > 1) throw new Error('The policy is at fault.');
      return true;
    });
    const other = open();
    await settled();

    world.job = aJob({ version: 2 });
    announce();
    await settled();

    expect(failing).toEqual(['1 -', 'ready', 'failed']);
    expect(other).toEqual(['1 -', 'ready', '2 -']);
  });

  it('leaves out a row that cannot be encoded, and shows the others that the backstop has found', async () => {
    const { changed, hub, open } = aHub();
    const sent = open();
    await settled();
    const broken = aJob({ id: '00000000-0000-7000-8000-000000000002', version: 2 });
    Object.assign(broken, { updatedAt: new Date(NaN) });
    changed.push(broken, aJob({ version: 2 }));

    hub.onSubscribed();
    await settled();

    expect(sent).toEqual(['1 -', 'ready', '2 -']);
  });

  it('looks once more when a subscription is acknowledged while it looks', async () => {
    const { looks, changed, hub, open } = aHub();
    const sent = open();
    await settled();
    looks.held = true;
    hub.onSubscribed();
    await settled();
    changed.push(aJob({ version: 2 }));
    hub.onSubscribed();
    looks.release();
    await settled();

    expect(sent).toEqual(['1 -', 'ready', '2 -']);
  });

  it('follows a job no more once it has been purged', async () => {
    const { channel, open, followed } = aHub({ status: 'active', version: 2 });
    open();
    await settled();
    expect(followed.count).toBe(1);

    channel.frames$.complete();

    expect(followed.count).toBe(0);
  });
});
