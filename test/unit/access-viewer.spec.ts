import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Observable } from 'rxjs';
import type { WireFrame } from '../../src/stream/frames.ts';
import { Viewer } from '../../src/stream/viewer.ts';

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a viewer whose credential is revoked', () => {
  it('is told so in place of the next heartbeat', () => {
    const frames: WireFrame[] = [];
    const state = { revoked: false, ended: false };
    const viewers: Viewer[] = [];
    new Observable<WireFrame>((subscriber) => {
      const never = { rotateAt: Infinity, expiresAt: Infinity };
      const options = {
        response: {},
        cursor: '2.0',
        heartbeat: 'comment',
        heartbeatMs: 1_000,
        ...never,
      } as const;
      viewers.push(new Viewer(subscriber, { ...options, isRevoked: () => state.revoked }));
    }).subscribe({ next: (frame) => frames.push(frame), complete: () => (state.ended = true) });
    const tickAt = (now: number): void => {
      jest.setSystemTime(now);
      viewers[0]?.tick(now);
    };

    tickAt(1_000);
    state.revoked = true;
    tickAt(1_500);
    expect(frames).toEqual([{ comment: 'hb' }]);
    tickAt(2_000);

    expect(frames.slice(1)).toEqual([
      { id: '2.0', type: 'bye', data: JSON.stringify({ reason: 'revoked', reconnect: false }) },
    ]);
    expect(state.ended).toBe(true);
  });
});
