import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FaultLog } from '../../src/runtime/fault-log.ts';

describe('A fault that is met over and over', () => {
  const lines: unknown[] = [];
  beforeEach(() => {
    jest.useFakeTimers();
    lines.length = 0;
    jest.spyOn(Logger.prototype, 'error').mockImplementation((line: unknown) => lines.push(line));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  function meet(faults: FaultLog, times: number): void {
    for (let job = 0; job < times; job += 1)
      faults.report(`Settling job ${job} failed`, new Error('refused'));
  }

  it('is said once, and while it lasts again every ten seconds, with how often it was met', () => {
    const faults = new FaultLog('test');
    meet(faults, 100);
    expect(lines).toEqual(['Settling job 0 failed: refused']);

    jest.advanceTimersByTime(10_000);
    meet(faults, 2);
    expect(lines.slice(1)).toEqual(['Settling job 0 failed: refused (and 99 more like it meanwhile)']);
  });

  it('hides no other fault', () => {
    const faults = new FaultLog('test');
    meet(faults, 2);
    faults.report('Sweeping failed', new Error('relation "job" does not exist'));
    expect(lines.slice(1)).toEqual(['Sweeping failed: relation "job" does not exist']);
  });

  it('is told of alone when it comes again much later', () => {
    const faults = new FaultLog('test');
    meet(faults, 2);
    jest.advanceTimersByTime(60_000);
    meet(faults, 1);
    expect(lines).toEqual(['Settling job 0 failed: refused', 'Settling job 0 failed: refused']);
  });
});
