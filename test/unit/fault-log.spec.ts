import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FaultLog } from '../../src/job/fault-log.ts';

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

  it('is said once, and while it lasts again every ten seconds, with how often it was met', () => {
    const faults = new FaultLog('test');
    for (let job = 0; job < 100; job += 1) faults.report(`Settling job ${job} failed`, new Error('refused'));
    expect(lines).toEqual(['Settling job 0 failed: refused']);

    jest.advanceTimersByTime(10_000);
    faults.report('Settling job 7 failed', new Error('still refused'));
    expect(lines.slice(1)).toEqual([
      'Settling job 7 failed: still refused (and 99 more since the last line)',
    ]);
  });
});
