import { setImmediate as settled } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Observable, type Subscriber } from 'rxjs';
import { EVERYTHING } from '../../src/job/visibility.ts';
import type { JobFeed } from '../../src/store/job-feed.ts';
import type { FeedHub } from '../../src/stream/feed-hub.ts';
import { type FeedRequest, FeedStream } from '../../src/stream/feed-stream.ts';
import type { WireFrame } from '../../src/stream/frames.ts';
import type { JobReader } from '../../src/stream/job-reader.ts';
import type { ReadFaults } from '../../src/stream/read-faults.ts';
import type { Viewer } from '../../src/stream/viewer.ts';
import type { Viewers } from '../../src/stream/viewers.ts';
import { eventually } from '../support/eventually.ts';

const request = {
  cursor: '',
  filter: {},
  permit: { visibility: () => EVERYTHING, sees: () => true },
} as unknown as FeedRequest;

/** A feed whose watermark is read when the test says so, and the hub's count of who listens. */
function openFeed(...refused: string[]) {
  let answer = (): void => undefined;
  const watermark = new Promise<string>((resolve) => (answer = () => resolve('7')));
  const refusals = [...refused];
  const read = async (): Promise<string> => {
    const refusal = refusals.shift();
    if (refusal) throw new Error(refusal);
    return watermark;
  };
  const faults: string[] = [];
  const feed = { watermark: read, page: async () => [] } as unknown as JobFeed;
  const listening = { count: 0 };
  const add = (): (() => void) => {
    listening.count += 1;
    return () => (listening.count -= 1);
  };
  const sent: string[] = [];
  const viewer = { send: ({ type }: WireFrame) => sent.push(type ?? '') } as unknown as Viewer;
  const open = (_request: FeedRequest, follow: (viewer: Viewer) => () => void): Observable<WireFrame> =>
    new Observable((subscriber: Subscriber<WireFrame>) => subscriber.add(follow(viewer)));
  const streams = new FeedStream(
    feed,
    { add, settled: async () => undefined } as unknown as FeedHub,
    {} as JobReader,
    { open } as unknown as Viewers,
    {
      outage: { told: (failed: string) => faults.push(failed), over: () => undefined },
    } as unknown as ReadFaults,
  );
  return { leave: streams.open(request).subscribe(), answer, listening, sent, faults };
}

describe('FeedStream', () => {
  it('listens from its first read on, until its client leaves', async () => {
    const { leave, answer, listening, sent } = openFeed();
    answer();
    await settled();

    expect([listening.count, sent]).toEqual([1, ['ready']]);
    leave.unsubscribe();
    expect(listening.count).toBe(0);
  });

  it('says what it could not read, and reads it again', async () => {
    const { leave, answer, sent, faults } = openFeed('refused', 'refused again');
    answer();

    await eventually(() => expect(sent).toEqual(['ready']));
    const failed = 'Reading a feed for streams failed and is tried again';
    expect(faults).toEqual([failed, failed]);
    leave.unsubscribe();
  });

  it('does not begin to listen for a client that left during the first read', async () => {
    const { leave, answer, listening, sent } = openFeed();
    await settled();

    leave.unsubscribe();
    answer();
    await settled();

    expect([listening.count, sent]).toEqual([0, []]);
  });
});
