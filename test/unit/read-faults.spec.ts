import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ReadFaults } from '../../src/stream/read-faults.ts';

describe('What streams cannot read', () => {
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

  it('is said once, however many streams meet it, and again while it lasts', () => {
    const faults = new ReadFaults();
    for (let stream = 0; stream < 100; stream += 1) faults.report(`job ${stream}`, new Error('refused'));
    expect(lines).toEqual(['Reading job 0 for streams failed and is tried again: refused']);

    jest.advanceTimersByTime(10_000);
    faults.report('a feed', new Error('still refused'));
    expect(lines.slice(1)).toEqual(['Reading a feed for streams failed and is tried again: still refused']);
  });
});
