import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Outage } from '../../src/runtime/outage.ts';

describe('A fault that is met over and over', () => {
  const lines: unknown[] = [];
  beforeEach(() => {
    jest.useFakeTimers();
    lines.length = 0;
    for (const level of ['error', 'warn', 'log'] as const)
      jest.spyOn(Logger.prototype, level).mockImplementation((line: unknown) => lines.push(line));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  function meet(faults: Outage, times: number): void {
    for (let job = 0; job < times; job += 1) faults.told(`Settling job ${job} failed`, new Error('refused'));
  }

  it('is said once, and while it lasts again every ten seconds, with how often it was met', () => {
    const faults = new Outage('test', 'Settling works again');
    meet(faults, 100);
    expect(lines).toEqual(['Settling job 0 failed: refused']);

    jest.advanceTimersByTime(10_000);
    meet(faults, 2);
    expect(lines.slice(1)).toEqual(['Settling job 0 failed: refused (and 99 more like it meanwhile)']);
  });

  it('hides no other fault', () => {
    const faults = new Outage('test', 'Settling works again');
    meet(faults, 2);
    faults.told('Sweeping failed', new Error('relation "job" does not exist'));
    expect(lines.slice(1)).toEqual(['Sweeping failed: relation "job" does not exist']);
  });

  it('is told of alone when it comes again much later', () => {
    const faults = new Outage('test', 'Settling works again');
    meet(faults, 2);
    jest.advanceTimersByTime(60_000);
    meet(faults, 1);
    expect(lines).toEqual(['Settling job 0 failed: refused', 'Settling job 0 failed: refused']);
  });

  it('is told to be over once, with how long it took', () => {
    const faults = new Outage('test', 'Settling works again');
    faults.over();
    meet(faults, 2);
    jest.advanceTimersByTime(2_500);
    faults.over();
    faults.over();
    expect(lines).toEqual(['Settling job 0 failed: refused', 'Settling works again after 2.5 s.']);
  });

  it('is told anew when it comes again after it was over', () => {
    const faults = new Outage('test', 'Settling works again');
    meet(faults, 1);
    faults.over();
    jest.advanceTimersByTime(5_000);
    meet(faults, 1);
    jest.advanceTimersByTime(150_000);
    faults.over();
    expect(lines.slice(2)).toEqual(['Settling job 0 failed: refused', 'Settling works again after 3 min.']);
  });

  it('fills no log while some of its callers get through and others do not', () => {
    const faults = new Outage('test', 'Settling works again');
    for (let time = 0; time < 30_000; time += 100) {
      meet(faults, 1);
      jest.advanceTimersByTime(100);
      faults.over();
    }
    expect(lines).toEqual([
      'Settling job 0 failed: refused',
      'Settling works again after 0.1 s.',
      'Settling job 0 failed: refused (and 99 more like it meanwhile)',
      'Settling works again after 10 s.',
      'Settling job 0 failed: refused (and 99 more like it meanwhile)',
      'Settling works again after 20 s.',
    ]);
  });

  it('is told with ten different causes at most at a time, and how many others there were', () => {
    const faults = new Outage('test', 'Settling works again', 'warn');
    for (let cause = 0; cause < 100; cause += 1) faults.told('Settling failed', new Error(`cause ${cause}`));
    expect(lines).toHaveLength(10);

    jest.advanceTimersByTime(10_000);
    faults.told('Settling failed', new Error('cause 100'));
    expect(lines[10]).toBe('Settling failed: cause 100 (and 90 other faults meanwhile)');
  });
});
