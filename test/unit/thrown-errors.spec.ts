import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { PermanentFailure } from '../../src/job/job-errors.ts';
import { isStorableText } from '../../src/runtime/storable.ts';
import { settle } from '../support/settle.ts';

class Refusal {
  quota = 0;
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();

const circular: Record<string, unknown> = {};
circular['self'] = circular;

function fails(): never {
  throw new Error('no');
}

describe('what is stored of an error', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'just text', 'just text'],
    ['nothing', undefined, 'undefined was thrown.'],
    ['null', null, 'null was thrown.'],
    ['a number', 42, '42 was thrown.'],
    ['an empty text', ' ', 'An empty text was thrown.'],
    ['a symbol', Symbol('x'), 'Symbol(x) was thrown.'],
    ['a class', TypeError, 'The function TypeError was thrown.'],
    [
      'a function',
      (
        () => () =>
          1
      )(),
      'A function was thrown.',
    ],
    ['an object', { a: 1 }, '{"a":1}'],
    ['an empty object', {}, 'A thrown object without a message'],
    ['an object with a message', { message: 'no quota', status: 403 }, 'no quota'],
    ['an object with an object as message', { message: { quota: 0 } }, '{"quota":0}'],
    ['a list of errors', [new Error('a'), new Error('b')], '["a","b"]'],
    ['an instance of a class', new Refusal(), 'Refusal {"quota":0}'],
    ['an answer of fetch', new Response(null, { status: 503 }), 'A thrown Response with status 503'],
    ['a map', new Map([['a', 1n]]), 'Map [["a","1"]]'],
    ['an error without a message', new TypeError(), 'TypeError without a message'],
    ['an error made of an object', new Error({ a: 1 } as never), 'Error without a message'],
    [
      'an error with nothing but a code',
      Object.assign(new Error(), { code: 'EPIPE' }),
      'Error EPIPE without a message',
    ],
    ['an error with a number as message', Object.assign(new Error(), { message: 42 }), '42'],
    ['a frozen error', Object.freeze(new Error('cold')), 'cold'],
    ['an error behind a Proxy', new Proxy(new Error('far'), {}), 'far'],
    ['an error of another realm', runInNewContext("new TypeError('far')"), 'far'],
    ['a timeout', new DOMException('too late', 'TimeoutError'), 'too late'],
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
    ['a Proxy that was revoked', revoked.proxy],
    ['a Proxy that answers nothing', new Proxy(new Error('x'), { get: fails, getPrototypeOf: fails })],
    ['an error whose causes fail to be read', Object.defineProperty(new Error(), 'cause', { get: fails })],
    ['an error with a revoked cause', new Error('', { cause: revoked.proxy })],
    ['an error with revoked errors', Object.assign(new Error(), { errors: revoked.proxy })],
    ['an object that fails to become JSON', { toJSON: fails }],
    ['an object with a getter that fails', Object.defineProperty({}, 'a', { get: fails, enumerable: true })],
    ['an object that contains itself', circular],
  ])('is something when %s was thrown, as the job must be settled', (_name, thrown) => {
    expect(settle({ error: thrown })).toMatchObject({ status: 'queued', error: { code: 'handler_error' } });
    expect(settle({ error: thrown }).error?.message).toMatch(/\w/);
  });

  it('is something when a permanent failure says nothing, or its code fails to be read', () => {
    expect(settle({ error: new PermanentFailure('') }).error).toEqual({
      code: 'permanent_failure',
      message: 'PermanentFailure permanent_failure without a message',
    });
    const error = Object.defineProperty(new PermanentFailure('gone'), 'code', { get: fails });
    expect(settle({ error })).toMatchObject({
      status: 'failed',
      error: { code: 'handler_error', message: 'gone' },
    });
  });
});
