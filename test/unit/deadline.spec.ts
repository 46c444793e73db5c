import { pbkdf2 } from 'node:crypto';
import { stat } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { withDeadline } from '../../src/runtime/deadline.ts';

/** Keeps the process from looking at anything. */
function holdUp(milliseconds: number): void {
  for (const until = performance.now() + milliseconds; performance.now() < until;);
}

/** Takes some 50 ms, on a thread of its own. */
function work(): Promise<Buffer> {
  return promisify(pbkdf2)('password', 'salt', 60_000, 64, 'sha512');
}

function refuse(): never {
  throw new Error('refused');
}

describe('a deadline', () => {
  it('rejects with its message when it is over', async () => {
    await expect(withDeadline(new Promise(() => undefined), 1, 'too late')).rejects.toThrow('too late');
  });

  it('lets through what comes in time, and what fails', async () => {
    await expect(withDeadline(delay(1, 'answer'), 10_000, 'too late')).resolves.toBe('answer');
    await expect(withDeadline(delay(1).then(refuse), 10_000, 'too late')).rejects.toThrow('refused');
  });

  it('counts as in time what arrived while the process was held up', async () => {
    // Where answers are looked at: timers come next, before others are.
    stat(import.meta.filename, () => holdUp(1_000));
    expect(await withDeadline(work(), 20, 'too late')).toHaveLength(64);
  });
});
