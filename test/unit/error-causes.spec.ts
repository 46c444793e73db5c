import { describe, expect, it } from '@jest/globals';
import { PermanentFailure } from '../../src/job/job-errors.ts';
import { isStorableText } from '../../src/runtime/storable.ts';
import { settle } from '../support/settle.ts';

const refused = (address: string): Error =>
  Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' });

function messageOf(error: unknown): string {
  return settle({ error }).error?.message ?? '';
}

describe('the message of an error with causes', () => {
  it.each<[string, unknown, string]>([
    [
      'a chain of them',
      new Error('import failed', { cause: new Error('cannot write', { cause: new Error('disk full') }) }),
      'import failed: cannot write: disk full',
    ],
    [
      'a full stop before it',
      new Error('It failed.', { cause: new Error('Disk full.') }),
      'It failed: Disk full.',
    ],
    ['a text', new Error('import failed', { cause: 'disk full' }), 'import failed: disk full'],
    ['a number', new Error('import failed', { cause: 28 }), 'import failed: 28'],
    ['an object', new Error('import failed', { cause: { free: 0 } }), 'import failed: {"free":0}'],
    ['nothing', new Error('import failed', { cause: null }), 'import failed'],
    [
      'one that it quotes',
      new Error('failed: disk full', { cause: new Error('disk full') }),
      'failed: disk full',
    ],
    [
      'one without a message',
      new Error('failed', { cause: new TypeError() }),
      'failed: TypeError without a message',
    ],
    ['no message of its own', new Error('', { cause: new Error('disk full') }), 'disk full'],
    [
      'a cause of a permanent failure',
      new PermanentFailure('gone', { cause: new Error('404') }),
      'gone: 404',
    ],
    [
      'every address that refused',
      new TypeError('fetch failed', {
        cause: new AggregateError([refused('::1:9'), refused('127.0.0.1:9')]),
      }),
      'fetch failed: connect ECONNREFUSED ::1:9; connect ECONNREFUSED 127.0.0.1:9',
    ],
    [
      'the first of many errors',
      new AggregateError(
        [1, 2, 3, 4, 5].map((n) => new Error(`try ${n}`)),
        'All promises were rejected',
      ),
      'All promises were rejected: try 1; try 2; try 3 (and 2 more)',
    ],
    [
      'many equal errors',
      new AggregateError(
        [1, 2, 3].map(() => new Error('busy')),
        'All promises were rejected',
      ),
      'All promises were rejected: busy',
    ],
    [
      'an error inside an object',
      { step: 2, error: new Error('disk full') },
      '{"step":2,"error":"disk full"}',
    ],
    [
      'two errors of `using`',
      Object.assign(new Error('suppressed'), { error: new Error('close'), suppressed: new Error('write') }),
      'suppressed: close; write',
    ],
  ])('names %s', (_name, error, message) => {
    expect(messageOf(error)).toBe(message);
  });

  it('names the address where fetch met nobody', async () => {
    const error = await fetch('http://127.0.0.1:65000').catch((thrown: unknown) => thrown);
    expect(messageOf(error)).toBe('fetch failed: connect ECONNREFUSED 127.0.0.1:65000');
  });

  it('ends where causes go round in a circle', () => {
    const first = new Error('first');
    first.cause = new Error('second', { cause: first });
    expect(messageOf(first)).toBe('first: second');
  });

  it('ends where every cause has another', () => {
    class Endless extends Error {
      override get cause(): Error {
        return new Endless(`${this.message}x`);
      }
    }
    expect(messageOf(new Endless('x')).length).toBeLessThan(200);
  });

  it('shows the cause behind a message that is too long, in 1,000 storable characters', () => {
    const message = messageOf(new Error('😀'.repeat(5_000), { cause: new Error('disk\u0000full') }));
    expect(message).toContain('…: disk\uFFFDfull');
    expect(message.length).toBeLessThanOrEqual(1_000);
    expect(isStorableText(message)).toBe(true);
  });

  it('costs little for an object of any size', () => {
    const large = {
      list: Array.from({ length: 1e6 }, () => ({ text: 'x'.repeat(10) })),
      bytes: Buffer.alloc(1e8),
    };
    const start = performance.now();
    expect(messageOf(large)).toHaveLength(1_000);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
