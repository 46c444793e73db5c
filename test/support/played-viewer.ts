import { jest } from '@jest/globals';
import { Observable } from 'rxjs';
import type { WireFrame } from '../../src/stream/frames.ts';
import { Viewer, type ViewerOptions } from '../../src/stream/viewer.ts';

export const HEARTBEAT_MS = 15_000;

/** A viewer whose client keeps what it gets; `response.writableNeedDrain` says that it does not read. */
export function openViewer(options: Partial<ViewerOptions> = {}) {
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

export const progress = (tick: number): WireFrame => ({ id: `2.${tick}`, type: 'progress', data: `${tick}` });
export const state = (version: number): WireFrame => ({ id: `${version}.0`, type: 'state', data: '{}' });
export const idsOf = (frames: WireFrame[]): (string | undefined)[] => frames.map(({ id }) => id);
