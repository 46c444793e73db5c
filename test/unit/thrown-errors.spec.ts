import { describe, expect, it } from '@jest/globals';
import { isStorableText } from '../../src/runtime/storable.ts';
import { settle } from '../support/settle.ts';

describe('what is stored of an error', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'just text', 'just text'],
    ['nothing', undefined, 'undefined'],
    ['a symbol', Symbol('x'), 'Symbol(x)'],
    ['an object', { a: 1 }, '[object Object]'],
    ['an error without a message', new TypeError(), ''],
    ['text that Postgres refuses', new Error('a\u0000b'), 'a\uFFFDb'],
  ])('is a message when %s was thrown', (_name, thrown, message) => {
    expect(settle({ error: thrown }).error).toEqual({ code: 'handler_error', message });
  });

  it('is 1,000 characters of its message at most, with no half of a character', () => {
    const message = settle({ error: new Error(`${'a'.repeat(999)}😀`) }).error?.message ?? '';
    expect(message).toHaveLength(1_000);
    expect(isStorableText(message)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['an object without a prototype', Object.create(null)],
    [
      'an object that fails to become text',
      {
        toString: () => {
          throw new Error('no');
        },
      },
    ],
    ['an error whose message is no text', Object.assign(new Error(), { message: 42 })],
    [
      'an error whose message fails to be read',
      Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error('no');
        },
      }),
    ],
  ])('is something when %s was thrown, as the job must be settled', (_name, thrown) => {
    expect(settle({ error: thrown })).toMatchObject({ status: 'queued', error: { code: 'handler_error' } });
    expect(typeof settle({ error: thrown }).error?.message).toBe('string');
  });
});
