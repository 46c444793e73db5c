import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HEARTBEAT_MS, openViewer, progress, state } from '../support/played-viewer.ts';

const START_AT = 1_000_000;

beforeEach(() => {
  jest.useFakeTimers({ now: START_AT });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a heartbeat', () => {
  it('is a comment without an id when nothing was sent for its time', () => {
    const { frames, tickAfter } = openViewer();
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
    const { viewer, frames, tickAfter } = openViewer();
    for (let version = 1; version <= 5; version += 1) {
      tickAfter(HEARTBEAT_MS - 1);
      viewer.send(state(version));
    }
    expect(frames.some(({ comment }) => comment !== undefined)).toBe(false);
  });

  it('is an event with the current id when the client asked for it', () => {
    const { viewer, frames, tickAfter } = openViewer({ heartbeat: 'event', cursor: '3.1' });
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
    const { response, frames, tickAfter } = openViewer({ heartbeatMs: 1_000 });
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
    const { viewer, frames, state: stream } = openViewer({ cursor: '2.7' });
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
    const { viewer, response, frames } = openViewer();
    response.writableNeedDrain = true;
    viewer.send(progress(5), 'progress');
    viewer.bye('drain');
    expect(frames.map(({ id, type }) => [id, type])).toEqual([
      ['2.5', 'progress'],
      ['2.5', 'bye'],
    ]);
  });

  it('to a slow client leaves out what waits, so that it finds that when it comes back', () => {
    const { viewer, response, frames } = openViewer({ cursor: '2.0' });
    response.writableNeedDrain = true;
    viewer.send(progress(5), 'progress');
    viewer.bye('slow');
    expect(frames.map(({ id, type }) => [id, type])).toEqual([['2.0', 'bye']]);
  });

  it('is the last thing that is sent', () => {
    const { viewer, frames, tickAfter } = openViewer();
    viewer.bye('rotate');
    viewer.send(state(9));
    viewer.bye('drain');
    tickAfter(HEARTBEAT_MS);
    expect(frames).toHaveLength(1);
  });

  it('comes when the stream is old enough to rotate', () => {
    const { frames, tickAfter } = openViewer({ rotateAt: START_AT + 500 });
    tickAfter(499);
    expect(frames).toEqual([]);
    tickAfter(1);
    expect(JSON.parse(frames[0]?.data ?? '')).toMatchObject({ reason: 'rotate' });
  });

  it('comes at the expiry of the credential, which counts before the rotation', () => {
    const { frames, tickAfter } = openViewer({ rotateAt: START_AT + 500, expiresAt: START_AT + 500 });
    tickAfter(500);
    expect(JSON.parse(frames[0]?.data ?? '')).toMatchObject({ reason: 'expired', reconnect: false });
  });

  it('comes to a client that has taken nothing for 30 s, counted from when it last kept up', () => {
    const { response, frames, tickAfter } = openViewer({ heartbeatMs: 3_600_000 });
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

  it('does not come to a client that takes all of it between two looks of the clock, however busy the stream is', () => {
    const { viewer, response, frames, state: stream, tickAfter } = openViewer();
    for (let tick = 1; tick <= 400; tick += 1) {
      response.writableNeedDrain = false;
      viewer.send(progress(tick), 'progress');
      jest.runOnlyPendingTimers();
      response.writableNeedDrain = true;
      tickAfter(250);
    }
    expect(frames).toHaveLength(400);
    expect(stream.ended).toBe(false);
  });
});
