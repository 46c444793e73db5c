import { describe, expect, it } from '@jest/globals';
import type { StreamFrame } from '../../src/stream/frames.ts';
import { LogGate } from '../../src/stream/log-gate.ts';

const log = (tick: number, lines: number): StreamFrame => ({
  cursor: { version: 2, tick },
  type: 'log',
  data: JSON.stringify({ lines: Array.from({ length: lines }, () => ({ text: 'x' })), dropped: 0 }),
});
const droppedOf = (frame: StreamFrame | null): unknown =>
  frame && (JSON.parse(frame.data) as { dropped: unknown }).dropped;

describe('log frames for a slow client', () => {
  it('are left out, and their lines are counted in the next frame that passes', () => {
    const client = { congested: true };
    const gate = new LogGate(client);
    expect([gate.pass(log(1, 3)), gate.pass(log(2, 4))]).toEqual([null, null]);
    client.congested = false;
    expect(droppedOf(gate.pass(log(3, 1)))).toBe(7);
    expect(droppedOf(gate.pass(log(4, 1)))).toBe(0);
  });

  it('are counted before the end where none passes any more, under an id between the last one and the end', () => {
    const client = { congested: true };
    const gate = new LogGate(client);
    gate.through(log(5, 3));
    gate.through({ cursor: { version: 2, tick: 6 }, type: 'progress', data: '{}' });
    const end: StreamFrame = { cursor: { version: 3, tick: 0 }, type: 'end', data: '{}' };

    const [counted, ...rest] = gate.through(end);

    expect(counted).toEqual({
      cursor: { version: 2, tick: 7 },
      type: 'log',
      data: JSON.stringify({ lines: [], dropped: 3 }),
    });
    expect(rest).toEqual([end]);
  });

  it('add nothing before the end where none was left out, or all were counted', () => {
    const client = { congested: true };
    const gate = new LogGate(client);
    gate.through(log(5, 3));
    client.congested = false;
    expect(gate.through(log(6, 1)).map(droppedOf)).toEqual([3]);
    const end: StreamFrame = { cursor: { version: 3, tick: 0 }, type: 'end', data: '{}' };
    expect(gate.through(end)).toEqual([end]);
  });

  it('are the very same frames while the client keeps up', () => {
    const frame = log(1, 3);
    expect(new LogGate({ congested: false }).pass(frame)).toBe(frame);
  });

  it('are the only ones that are left out', () => {
    const gate = new LogGate({ congested: true });
    for (const type of ['snapshot', 'state', 'progress', 'end', 'reset'] as const) {
      const frame: StreamFrame = { cursor: { version: 2, tick: 0 }, type, data: '{}' };
      expect(gate.pass(frame)).toBe(frame);
    }
  });
});
