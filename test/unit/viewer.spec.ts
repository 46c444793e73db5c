import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WireFrame } from '../../src/stream/frames.ts';
import { idsOf, openViewer, progress, state } from '../support/played-viewer.ts';

const START_AT = 1_000_000;

beforeEach(() => {
  jest.useFakeTimers({ now: START_AT });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a viewer', () => {
  it('sends what it is given, at once and in order, to a client that reads', () => {
    const { viewer, frames } = openViewer();
    viewer.send(state(2));
    viewer.send(progress(1), 'progress');
    viewer.send(progress(2), 'progress');
    expect(idsOf(frames)).toEqual(['2.0', '2.1', '2.2']);
  });

  it('keeps only the newest progress for a client that does not read', () => {
    const { viewer, response, frames, tickAfter } = openViewer();
    response.writableNeedDrain = true;
    for (let tick = 1; tick <= 1_000; tick += 1) viewer.send(progress(tick), 'progress');
    expect(frames).toEqual([]);
    response.writableNeedDrain = false;
    tickAfter(250);
    expect(idsOf(frames)).toEqual(['2.1000']);
  });

  it('sends the progress that waits before a state, so that ids go up', () => {
    const { viewer, response, frames, tickAfter } = openViewer();
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
    const { viewer, response, frames, state: stream } = openViewer();
    response.writableNeedDrain = true;
    viewer.send(progress(2), 'progress');
    viewer.send(state(3));
    viewer.end();
    expect(idsOf(frames)).toEqual(['2.2', '3.0']);
    expect(stream.ended).toBe(true);
  });

  it('sends the progress that waits before a newer one once the client reads again', () => {
    const { viewer, response, frames } = openViewer();
    response.writableNeedDrain = true;
    viewer.send(progress(1), 'progress');
    response.writableNeedDrain = false;
    viewer.send(progress(2), 'progress');
    expect(idsOf(frames)).toEqual(['2.1', '2.2']);
  });

  it('never drops a state, however slow the client is', () => {
    const { viewer, response, frames, tickAfter } = openViewer();
    response.writableNeedDrain = true;
    for (let version = 1; version <= 50; version += 1) viewer.send(state(version));
    response.writableNeedDrain = false;
    tickAfter(250);
    expect(frames).toHaveLength(50);
  });

  it('keeps the newest frame of each place, those that changed last at the end', () => {
    const { viewer, response, frames, tickAfter } = openViewer();
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
    const { viewer, response, frames, state: stream } = openViewer();
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
    const { viewer, response, state: stream, tickAfter } = openViewer();
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
    const { viewer, response, state: stream } = openViewer();
    response.writableNeedDrain = true;
    for (let version = 1; version <= 1_000; version += 1) viewer.send(state(version));
    expect(stream.ended).toBe(true);
  });
});

describe('a burst', () => {
  const large = (tick: number): WireFrame => ({ ...progress(tick), data: 'a'.repeat(10 * 1024) });

  it('goes out in parts, as only the next turn shows whether the client takes it', () => {
    const { viewer, frames } = openViewer();
    for (let tick = 1; tick <= 20; tick += 1) viewer.send(large(tick));
    expect(frames.length).toBeLessThan(5);
    jest.runAllTicks();
    jest.runOnlyPendingTimers();
    expect(frames.length).toBeGreaterThan(4);
    for (let turn = 0; turn < 10; turn += 1) jest.runOnlyPendingTimers();
    expect(idsOf(frames)).toEqual(Array.from({ length: 20 }, (_frame, index) => `2.${index + 1}`));
  });

  it('does not part with a client that takes it, however large it is', () => {
    const { viewer, frames, state: stream } = openViewer();
    for (let tick = 1; tick <= 100; tick += 1) viewer.send(large(tick));
    for (let turn = 0; turn < 100; turn += 1) jest.runOnlyPendingTimers();
    expect(frames).toHaveLength(100);
    expect(stream.ended).toBe(false);
  });

  it('parts with a client that does not take it', () => {
    const { viewer, response, frames, tickAfter } = openViewer();
    for (let tick = 1; tick <= 100; tick += 1) viewer.send(large(tick));
    response.writableNeedDrain = true;
    tickAfter(250);
    expect(frames.length).toBeLessThan(6);
    expect(JSON.parse(frames.at(-1)?.data ?? '')).toMatchObject({ reason: 'slow' });
  });
});
