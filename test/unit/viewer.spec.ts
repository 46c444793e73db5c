import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Observable } from 'rxjs';
import type { WireFrame } from '../../src/stream/frames.ts';
import { Viewer, type ViewerOptions } from '../../src/stream/viewer.ts';

const START_AT = 1_000_000;
const HEARTBEAT_MS = 15_000;

beforeEach(() => {
  jest.useFakeTimers({ now: START_AT });
});
afterEach(() => {
  jest.useRealTimers();
});

/** A viewer whose client keeps what it gets; `response.writableNeedDrain` says that it does not read. */
function open(options: Partial<ViewerOptions> = {}) {
  const response = { writableNeedDrain: false };
  const frames: WireFrame[] = [];
  const state = { ended: false };
  const viewers: Viewer[] = [];
  const defaults = { response, cursor: '0.0', heartbeat: 'comment', heartbeatMs: HEARTBEAT_MS } as const;
  new Observable<WireFrame>((subscriber) => {
    viewers.push(
      new Viewer(subscriber, { ...defaults, rotateAt: Infinity, expiresAt: Infinity, ...options }),
    );
  }).subscribe({ next: (frame) => frames.push(frame), complete: () => (state.ended = true) });
  const [viewer] = viewers;
  if (!viewer) throw new Error('Nobody subscribed.');
  /** What the clock of all viewers does after this time. */
  const tickAfter = (milliseconds: number): void => {
    jest.setSystemTime(Date.now() + milliseconds);
    viewer.tick(Date.now());
  };
  return { viewer, response, frames, state, tickAfter };
}

const progress = (tick: number): WireFrame => ({ id: `2.${tick}`, type: 'progress', data: `${tick}` });
const state = (version: number): WireFrame => ({ id: `${version}.0`, type: 'state', data: '{}' });
const idsOf = (frames: WireFrame[]): (string | undefined)[] => frames.map(({ id }) => id);

describe('a viewer', () => {
  it('sends what it is given, at once and in order, to a client that reads', () => {
    const { viewer, frames } = open();
    viewer.send(state(2));
    viewer.send(progress(1), 'progress');
    viewer.send(progress(2), 'progress');
    expect(idsOf(frames)).toEqual(['2.0', '2.1', '2.2']);
  });

  it('keeps only the newest progress for a client that does not read', () => {
    const { viewer, response, frames, tickAfter } = open();
    response.writableNeedDrain = true;
    for (let tick = 1; tick <= 1_000; tick += 1) viewer.send(progress(tick), 'progress');
    expect(frames).toEqual([]);
    response.writableNeedDrain = false;
    tickAfter(250);
    expect(idsOf(frames)).toEqual(['2.1000']);
  });

  it('sends the progress that waits before a state, so that ids go up', () => {
    const { viewer, response, frames, tickAfter } = open();
    response.writableNeedDrain = true;
    viewer.send(progress(1), 'progress');
    viewer.send(progress(2), 'progress');
    viewer.send(state(3));
    expect(frames).toEqual([]);
    response.writableNeedDrain = false;
    tickAfter(250);
    expect(idsOf(frames)).toEqual(['2.2', '3.0']);
  });

  it('sends everything that waits before the end, whether or not the client reads', () => {
    const { viewer, response, frames, state: stream } = open();
    response.writableNeedDrain = true;
    viewer.send(progress(2), 'progress');
    viewer.send(state(3));
    viewer.end();
    expect(idsOf(frames)).toEqual(['2.2', '3.0']);
    expect(stream.ended).toBe(true);
  });

  it('sends the progress that waits before a newer one once the client reads again', () => {
    const { viewer, response, frames } = open();
    response.writableNeedDrain = true;
    viewer.send(progress(1), 'progress');
    response.writableNeedDrain = false;
    viewer.send(progress(2), 'progress');
    expect(idsOf(frames)).toEqual(['2.1', '2.2']);
  });

  it('never drops a state, however slow the client is', () => {
    const { viewer, response, frames, tickAfter } = open();
    response.writableNeedDrain = true;
    for (let version = 1; version <= 50; version += 1) viewer.send(state(version));
    response.writableNeedDrain = false;
    tickAfter(250);
    expect(frames).toHaveLength(50);
  });

  it('keeps the newest frame of each place, those that changed last at the end', () => {
    const { viewer, response, frames, tickAfter } = open();
    response.writableNeedDrain = true;
    viewer.send({ id: '1', data: 'a1' }, 'a');
    viewer.send({ id: '1', data: 'b1' }, 'b');
    viewer.send({ id: '1', data: 'a2' }, 'a');
    response.writableNeedDrain = false;
    tickAfter(1);
    expect(frames.map(({ data }) => data)).toEqual(['b1', 'a2']);
  });

  it.each([
    ['ASCII', 'a', 1],
    ['ASCII but for one character, which doubles what they take', 'a', 2],
    ['three bytes each', '世', 3],
  ])('parts with a client for which more than 128 KiB wait, counted in bytes: %s', (_what, letter, size) => {
    const { viewer, response, frames, state: stream } = open();
    const data = letter.repeat(16 * 1024) + (size === 2 ? '世' : '');
    const fitting = Math.floor((128 * 1024) / (data.length * size + 200));
    response.writableNeedDrain = true;
    for (let place = 0; place < fitting; place += 1) viewer.send({ id: '1', data }, `${place}`);
    expect(stream.ended).toBe(false);
    viewer.send({ id: '1', data }, 'one more');
    expect(stream.ended).toBe(true);
    expect(frames.map(({ type }) => type)).toEqual(['bye']);
  });

  it('counts what waits anew when a place changes, and when it was sent', () => {
    const { viewer, response, state: stream, tickAfter } = open();
    const data = 'a'.repeat(100 * 1024);
    for (let round = 0; round < 3; round += 1) {
      response.writableNeedDrain = true;
      for (let change = 0; change < 3; change += 1) viewer.send({ id: '1', data }, 'place');
      response.writableNeedDrain = false;
      tickAfter(250);
    }
    expect(stream.ended).toBe(false);
  });

  it('counts small frames as well, of which many could wait', () => {
    const { viewer, response, state: stream } = open();
    response.writableNeedDrain = true;
    for (let version = 1; version <= 1_000; version += 1) viewer.send(state(version));
    expect(stream.ended).toBe(true);
  });
});

describe('a burst', () => {
  const large = (tick: number): WireFrame => ({ ...progress(tick), data: 'a'.repeat(10 * 1024) });

  it('goes out in parts, as only the next turn shows whether the client takes it', () => {
    const { viewer, frames } = open();
    for (let tick = 1; tick <= 20; tick += 1) viewer.send(large(tick));
    expect(frames.length).toBeLessThan(5);
    jest.runAllTicks();
    jest.runOnlyPendingTimers();
    expect(frames.length).toBeGreaterThan(4);
    for (let turn = 0; turn < 10; turn += 1) jest.runOnlyPendingTimers();
    expect(idsOf(frames)).toEqual(Array.from({ length: 20 }, (_frame, index) => `2.${index + 1}`));
  });

  it('does not part with a client that takes it, however large it is', () => {
    const { viewer, frames, state: stream } = open();
    for (let tick = 1; tick <= 100; tick += 1) viewer.send(large(tick));
    for (let turn = 0; turn < 100; turn += 1) jest.runOnlyPendingTimers();
    expect(frames).toHaveLength(100);
    expect(stream.ended).toBe(false);
  });

  it('parts with a client that does not take it', () => {
    const { viewer, response, frames, tickAfter } = open();
    for (let tick = 1; tick <= 100; tick += 1) viewer.send(large(tick));
    response.writableNeedDrain = true;
    tickAfter(250);
    expect(frames.length).toBeLessThan(6);
    expect(JSON.parse(frames.at(-1)?.data ?? '')).toMatchObject({ reason: 'slow' });
  });
});

describe('a heartbeat', () => {
  it('is a comment without an id when nothing was sent for its time', () => {
    const { frames, tickAfter } = open();
    tickAfter(HEARTBEAT_MS - 1);
    expect(frames).toEqual([]);
    tickAfter(1);
    expect(frames).toEqual([{ comment: 'hb' }]);
    tickAfter(HEARTBEAT_MS - 1);
    expect(frames).toHaveLength(1);
    tickAfter(1);
    expect(frames).toHaveLength(2);
  });

  it('is not sent while other frames are', () => {
    const { viewer, frames, tickAfter } = open();
    for (let version = 1; version <= 5; version += 1) {
      tickAfter(HEARTBEAT_MS - 1);
      viewer.send(state(version));
    }
    expect(frames.some(({ comment }) => comment !== undefined)).toBe(false);
  });

  it('is an event with the current id when the client asked for it', () => {
    const { viewer, frames, tickAfter } = open({ heartbeat: 'event', cursor: '3.1' });
    tickAfter(HEARTBEAT_MS);
    viewer.send(state(4));
    tickAfter(HEARTBEAT_MS);
    expect(frames.map(({ id, type }) => [id, type])).toEqual([
      ['3.1', 'heartbeat'],
      ['4.0', 'state'],
      ['4.0', 'heartbeat'],
    ]);
  });

  it('is not piled up for a client that does not read', () => {
    const { response, frames, tickAfter } = open({ heartbeatMs: 1_000 });
    response.writableNeedDrain = true;
    for (let second = 0; second < 20; second += 1) tickAfter(1_000);
    expect(frames).toEqual([]);
  });
});

describe('a goodbye', () => {
  it.each([
    ['rotate', true],
    ['drain', true],
    ['slow', true],
    ['expired', false],
    ['revoked', false],
    ['gone', false],
  ] as const)('because of %s says whether to come back (%p), and when', (reason, reconnect) => {
    const { viewer, frames, state: stream } = open({ cursor: '2.7' });
    viewer.bye(reason);
    expect(stream.ended).toBe(true);
    const [bye] = frames;
    expect(bye).toMatchObject({ id: '2.7', type: 'bye' });
    expect(JSON.parse(bye?.data ?? '')).toEqual({ reason, reconnect });
    if (reconnect) expect(bye?.retry).toBeGreaterThanOrEqual(2_000);
    else expect(bye).not.toHaveProperty('retry');
    expect(bye?.retry ?? 0).toBeLessThanOrEqual(4_000);
  });

  it('comes after the progress that waits, and has its id', () => {
    const { viewer, response, frames } = open();
    response.writableNeedDrain = true;
    viewer.send(progress(5), 'progress');
    viewer.bye('drain');
    expect(frames.map(({ id, type }) => [id, type])).toEqual([
      ['2.5', 'progress'],
      ['2.5', 'bye'],
    ]);
  });

  it('to a slow client leaves out what waits, so that it finds that when it comes back', () => {
    const { viewer, response, frames } = open({ cursor: '2.0' });
    response.writableNeedDrain = true;
    viewer.send(progress(5), 'progress');
    viewer.bye('slow');
    expect(frames.map(({ id, type }) => [id, type])).toEqual([['2.0', 'bye']]);
  });

  it('is the last thing that is sent', () => {
    const { viewer, frames, tickAfter } = open();
    viewer.bye('rotate');
    viewer.send(state(9));
    viewer.bye('drain');
    tickAfter(HEARTBEAT_MS);
    expect(frames).toHaveLength(1);
  });

  it('comes when the stream is old enough to rotate', () => {
    const { frames, tickAfter } = open({ rotateAt: START_AT + 500 });
    tickAfter(499);
    expect(frames).toEqual([]);
    tickAfter(1);
    expect(JSON.parse(frames[0]?.data ?? '')).toMatchObject({ reason: 'rotate' });
  });

  it('comes at the expiry of the credential, which counts before the rotation', () => {
    const { frames, tickAfter } = open({ rotateAt: START_AT + 500, expiresAt: START_AT + 500 });
    tickAfter(500);
    expect(JSON.parse(frames[0]?.data ?? '')).toMatchObject({ reason: 'expired', reconnect: false });
  });

  it('comes to a client that has taken nothing for 30 s, counted from when it last kept up', () => {
    const { response, frames, tickAfter } = open({ heartbeatMs: 3_600_000 });
    response.writableNeedDrain = true;
    tickAfter(1_000);
    tickAfter(29_000);
    response.writableNeedDrain = false;
    tickAfter(500);
    response.writableNeedDrain = true;
    tickAfter(500);
    tickAfter(29_999);
    expect(frames).toEqual([]);
    tickAfter(1);
    expect(JSON.parse(frames[0]?.data ?? '')).toMatchObject({ reason: 'slow' });
  });
});
