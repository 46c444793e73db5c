import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Loop, type Turn } from '../../src/runtime/loop.ts';
import { Outage } from '../../src/runtime/outage.ts';

const EVERY_MS = 1_000;

describe('a loop', () => {
  const lines: string[] = [];
  const loops: Loop[] = [];
  beforeEach(() => {
    jest.useFakeTimers();
    lines.length = 0;
    for (const level of ['error', 'log'] as const)
      jest.spyOn(Logger.prototype, level).mockImplementation((line: string) => void lines.push(line));
  });
  afterEach(async () => {
    for (const loop of loops.splice(0)) await loop.stop();
    expect(jest.getTimerCount()).toBe(0);
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  function loopOf(turn: Turn): Loop {
    const outage = new Outage('test', 'Turning works again');
    const loop = new Loop(turn, { everyMs: EVERY_MS, outage, failed: 'Turning failed' });
    loops.push(loop);
    return loop;
  }

  /** A loop whose turns end when the test says so. */
  function heldLoop() {
    const turns: { end: () => void; fail: (error: Error) => void; stop: AbortSignal; due: boolean }[] = [];
    const loop = loopOf(
      (stop, due) =>
        new Promise<void>((end, fail) => {
          turns.push({ end, fail, stop, due });
        }),
    );
    loop.start();
    return { loop, turns };
  }

  it('turns again only so long after its last turn is over', async () => {
    const { turns } = heldLoop();
    await jest.advanceTimersByTimeAsync(10 * EVERY_MS);
    expect(turns).toHaveLength(1);
    turns[0]?.end();
    await jest.advanceTimersByTimeAsync(EVERY_MS - 1);
    expect(turns).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(turns).toHaveLength(2);
    turns[1]?.end();
  });

  it('turns exactly once more after a turn during which it was woken, however often', async () => {
    const { loop, turns } = heldLoop();
    loop.wake();
    expect(turns).toHaveLength(1);
    for (let time = 0; time < 5; time += 1) loop.wake();
    turns[0]?.end();
    await jest.advanceTimersByTimeAsync(0);
    expect(turns).toHaveLength(2);
    turns[1]?.end();
    await jest.advanceTimersByTimeAsync(0);
    expect(turns).toHaveLength(2);
  });

  it('does not put off by wakes what is due by time, and says which is which', async () => {
    const { loop, turns } = heldLoop();
    for (let part = 0; part < 4; part += 1) {
      loop.wake();
      turns.at(-1)?.end();
      await jest.advanceTimersByTimeAsync(EVERY_MS / 4);
    }
    expect(turns.map(({ due }) => due)).toEqual([false, false, false, false, true]);
    turns.at(-1)?.end();
  });

  it('goes on after a turn that failed, and tells of it once, and when it is over', async () => {
    const { turns } = heldLoop();
    for (let turn = 0; turn < 4; turn += 1) {
      await jest.advanceTimersByTimeAsync(EVERY_MS);
      if (turn < 3) turns[turn]?.fail(new Error('refused'));
      else turns[turn]?.end();
    }
    await jest.advanceTimersByTimeAsync(0);
    expect(lines).toEqual(['Turning failed: refused', 'Turning works again after 3.0 s.']);
  });

  it('goes on after a turn that throws at once', async () => {
    let turns = 0;
    loopOf(() => {
      turns += 1;
      throw new Error('refused');
    }).start();
    await jest.advanceTimersByTimeAsync(3 * EVERY_MS);
    expect([turns, lines]).toEqual([3, ['Turning failed: refused']]);
  });

  it('does not take a turn without work for the end of an outage', async () => {
    const results = [() => Promise.reject(new Error('refused')), () => false, () => undefined];
    loopOf(() => results.shift()?.()).start();
    await jest.advanceTimersByTimeAsync(2 * EVERY_MS);
    expect(lines).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(EVERY_MS);
    expect(lines[1]).toBe('Turning works again after 2.0 s.');
  });

  it('waits at its stop for what runs, which is told to end', async () => {
    const { loop, turns } = heldLoop();
    loop.wake();
    loop.wake();
    let stopped = false;
    const stopping = loop.stop().then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(EVERY_MS);
    expect([stopped, turns[0]?.stop.aborted]).toEqual([false, true]);
    turns[0]?.end();
    await stopping;
    await jest.advanceTimersByTimeAsync(10 * EVERY_MS);
    expect(turns).toHaveLength(1);
  });

  it('can be stopped before it was started, and twice', async () => {
    let turns = 0;
    const loop = loopOf(() => (turns += 1));
    await loop.stop();
    loop.wake();
    loop.start();
    loop.wake();
    await loop.stop();
    await loop.stop();
    await jest.advanceTimersByTimeAsync(10 * EVERY_MS);
    expect(turns).toBe(1);
  });

  it('can be stopped by its own turn', async () => {
    const ended: string[] = [];
    const loop: Loop = loopOf(async (stop) => {
      await Promise.resolve();
      await loop.stop(stop);
      ended.push('turn');
    });
    loop.start();
    await jest.advanceTimersByTimeAsync(10 * EVERY_MS);
    expect(ended).toEqual(['turn']);
  });

  it('never has two turns at a time when it is started again while its last one runs', async () => {
    const { loop, turns } = heldLoop();
    loop.wake();
    void loop.stop();
    loop.start();
    loop.wake();
    await jest.advanceTimersByTimeAsync(EVERY_MS);
    expect(turns).toHaveLength(1);
    turns[0]?.end();
    await jest.advanceTimersByTimeAsync(0);
    expect(turns.map(({ stop }) => stop.aborted)).toEqual([true, false]);
    turns[1]?.end();
  });
});
