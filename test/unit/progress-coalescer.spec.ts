import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Progress } from '../../src/job/job.ts';
import { ProgressCoalescer } from '../../src/process/progress-coalescer.ts';

const INTERVAL_MS = 250;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

/** A coalescer whose sends are kept with the time at which they happened. */
function coalescer() {
  const started = performance.now();
  const sent: { done: number | null; step: string | null; at: number }[] = [];
  const send = ({ done, step }: Progress): void =>
    void sent.push({ done, step, at: performance.now() - started });
  return { sent, progress: new ProgressCoalescer(INTERVAL_MS, send) };
}

describe('progress that is reported often', () => {
  it('is sent at once the first time', () => {
    const { sent, progress } = coalescer();
    progress.report({ done: 1 });
    expect(sent).toEqual([{ done: 1, step: null, at: 0 }]);
  });

  it('is sent as its newest once per interval', () => {
    const { sent, progress } = coalescer();
    for (let done = 1; done <= 100; done += 1) {
      progress.report({ done });
      jest.advanceTimersByTime(10);
    }
    expect(sent.map(({ at }) => at)).toEqual([0, 250, 500, 750, 1_000]);
    expect(sent.map(({ done }) => done)).toEqual([1, 25, 50, 75, 100]);
  });

  it('is sent at once again after a pause', () => {
    const { sent, progress } = coalescer();
    progress.report({ done: 1 });
    jest.advanceTimersByTime(10_000);
    progress.report({ done: 2 });
    expect(sent.map(({ done, at }) => [done, at])).toEqual([
      [1, 0],
      [2, 10_000],
    ]);
  });

  it('is sent at once when its step changes, and is not sent twice', () => {
    const { sent, progress } = coalescer();
    progress.report({ done: 1 });
    progress.report({ done: 2 });
    jest.advanceTimersByTime(10);
    progress.report({ done: 3, step: 'write' });
    jest.advanceTimersByTime(10_000);
    expect(sent.map(({ done, at }) => [done, at])).toEqual([
      [1, 0],
      [3, 10],
    ]);
  });

  it('waits for its interval when its step has changed early within the last two seconds', () => {
    const { sent, progress } = coalescer();
    progress.report({ done: 1, step: 'read' });
    jest.advanceTimersByTime(60);
    progress.report({ done: 2, step: 'write' });
    jest.advanceTimersByTime(60);
    progress.report({ done: 3, step: 'check' });
    jest.advanceTimersByTime(1_850);
    progress.report({ done: 4, step: 'done' });
    jest.advanceTimersByTime(100);
    progress.report({ done: 5, step: 'over' });
    expect(sent.map(({ done, at }) => [done, at])).toEqual([
      [1, 0],
      [2, 60],
      [3, 310],
      [4, 1_970],
      [5, 2_070],
    ]);
  });

  it('sends what is left on flush, once', () => {
    const { sent, progress } = coalescer();
    progress.report({ done: 1 });
    progress.report({ done: 2 });
    progress.report({ done: 3 });
    progress.flush();
    progress.flush();
    jest.advanceTimersByTime(10_000);
    expect(sent.map(({ done }) => done)).toEqual([1, 3]);
  });

  it('sends nothing on flush when nothing was reported', () => {
    const { sent, progress } = coalescer();
    progress.flush();
    expect(sent).toEqual([]);
  });

  it('is what it was when it was reported, though the handler goes on with the same object', () => {
    const { sent, progress } = coalescer();
    const mine = { done: 1 };
    progress.report(mine);
    mine.done = 2;
    progress.report(mine);
    mine.done = 99;
    progress.flush();
    expect(sent.map(({ done }) => done)).toEqual([1, 2]);
  });

  it('costs a bounded number of sends for a million reports, the last of them exact', () => {
    const { sent, progress } = coalescer();
    for (let done = 1; done <= 1_000_000; done += 1) {
      progress.report({ done, total: 1_000_000 });
      // A thousand reports a millisecond.
      if (done % 1_000 === 0) jest.advanceTimersByTime(1);
    }
    progress.flush();
    expect(sent.length).toBeLessThanOrEqual(1 + 1_000 / INTERVAL_MS + 1);
    expect(sent.at(-1)?.done).toBe(1_000_000);
  });

  it('costs a bounded number of sends even when every report has another step', () => {
    const { sent, progress } = coalescer();
    for (let done = 1; done <= 100_000; done += 1) {
      progress.report({ done, step: `step ${done}` });
      if (done % 100 === 0) jest.advanceTimersByTime(1);
    }
    progress.flush();
    expect(sent.length).toBeLessThanOrEqual(1 + 1_000 / INTERVAL_MS + 2);
    expect(sent.at(-1)).toMatchObject({ done: 100_000, step: 'step 100000' });
  });
});
