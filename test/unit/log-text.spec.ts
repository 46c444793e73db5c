import { describe, expect, it } from '@jest/globals';
import { logText } from '../../src/runtime/error-text.ts';

const cause = Object.assign(new Error('disk full'), { code: 'ENOSPC' });

describe('a line of a log', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'three rows', 'three rows'],
    ['a number', 3, '3'],
    ['nothing', undefined, 'undefined'],
    ['a symbol', Symbol('x'), 'Symbol(x)'],
    ['an error', new TypeError('no rows'), 'TypeError: no rows'],
    ['an error without a message', new TypeError(), 'TypeError'],
    [
      'an error with a cause',
      new RangeError('import failed', { cause }),
      'RangeError: import failed: Error ENOSPC: disk full',
    ],
    [
      'several errors',
      new AggregateError([cause, new TypeError('no rows')], 'nothing worked'),
      'AggregateError: nothing worked: Error ENOSPC: disk full; TypeError: no rows',
    ],
    ['an object', { rows: 3, of: [1, 2n, null] }, '{"rows":3,"of":[1,"2",null]}'],
    ['an object with an error', { row: 3, err: cause }, '{"row":3,"err":"Error ENOSPC: disk full"}'],
    ['a list', ['a', undefined, () => 1], '["a",null,"[function ]"]'],
    ['a map and a set', { map: new Map([['a', 1]]), set: new Set([2]) }, '{"map":[["a",1]],"set":[2]}'],
    ['bytes', { body: Buffer.from('abc') }, '{"body":"[Buffer of 3 bytes]"}'],
    ['a time', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['no number', { rate: Number.NaN }, '{"rate":"NaN"}'],
  ])('shows %s', (_name, entry, text) => {
    expect(logText(entry, 2_000)).toBe(text);
  });

  it('shows an object that contains itself, and what is too deep', () => {
    const circular: Record<string, unknown> = { rows: 3 };
    circular['self'] = circular;
    expect(logText(circular, 100)).toBe('{"rows":3,"self":"[circular]"}');
    expect(logText([[[[[[[[]]]]]]]], 100)).toBe('[[[[[["[…]"]]]]]]');
  });

  it('shows the same object twice where it is no circle', () => {
    const rows = { rows: 3 };
    expect(logText([rows, rows], 100)).toBe('[{"rows":3},{"rows":3}]');
  });

  it('never throws, and hides no more than what cannot be read', () => {
    const entry = Object.defineProperty({ rows: 3 }, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(logText(entry, 100)).toBe('{"rows":3,"bad":"[not readable]"}');
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(logText(proxy, 100)).toBe('"[not readable]"');
  });

  it.each([['x'.repeat(500)], [{ text: 'x'.repeat(500) }], [new Error('x'.repeat(500))], [Array(1e9)]])(
    'is cut at its limit',
    (entry) => {
      expect(logText(entry, 100)).toHaveLength(100);
    },
  );

  it('has no stack', () => {
    expect(logText(new Error('x', { cause }), 2_000)).not.toContain('    at ');
  });
});
