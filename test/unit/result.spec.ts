import { describe, expect, it } from '@jest/globals';
import { settle } from '../support/settle.ts';

const circular: Record<string, unknown> = { rows: [{ n: 1 }, {}] };
(circular['rows'] as Record<string, unknown>[])[1] = { back: circular };

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

const failing = {
  toJSON: () => {
    throw new Error('connection closed');
  },
};

describe('a result that cannot be stored', () => {
  it.each<[string, unknown, string]>([
    ['a function', () => 1, 'The handler returned a function, which JSON cannot represent.'],
    ['a symbol', Symbol('x'), 'The handler returned a symbol, which JSON cannot represent.'],
    ['a BigInt', 1n, 'The result contains a BigInt, which JSON cannot represent.'],
    [
      'a BigInt inside',
      { rows: [{ n: 1n }] },
      'The result contains a BigInt at "rows.0.n", which JSON cannot represent.',
    ],
    [
      'itself',
      circular,
      'The result contains a circular reference at "rows.1.back", which JSON cannot represent.',
    ],
    ['too many levels', nested(100_000), 'The result is nested too deeply for JSON.'],
    ['what fails to become JSON', failing, 'Converting the result to JSON failed: connection closed'],
    [
      'too many characters',
      'x'.repeat(256 * 1024),
      'The result has 262,146 bytes as JSON; the limit is 262,144 (256 KiB). Store it elsewhere and return its location.',
    ],
    [
      'too many bytes in fewer characters',
      '€'.repeat(100_000),
      'The result has 300,002 bytes as JSON; the limit is 262,144 (256 KiB). Store it elsewhere and return its location.',
    ],
  ])('says so: %s', (_name, result, message) => {
    expect(settle({ result })).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_result', message },
    });
  });

  it('fails the job though it was cancelled meanwhile, as the handler was done', () => {
    expect(settle({ result: 1n }, { abort: 'cancelled' })).toMatchObject({
      status: 'failed',
      reason: 'invalid_result',
    });
  });
});

describe('a result that can be stored', () => {
  it('is one of exactly 256 KiB', () => {
    expect(settle({ result: 'x'.repeat(256 * 1024 - 2) }).status).toBe('completed');
  });

  it('is without what JSON leaves out', () => {
    const result = {
      rows: 1,
      each: () => 1,
      [Symbol('x')]: 1,
      none: undefined,
      list: [() => 1],
      rate: Number.NaN,
    };
    expect(settle({ result }).result).toEqual({ rows: 1, list: [null], rate: null });
  });

  it('may show one object in two places', () => {
    const row = { n: 1 };
    expect(settle({ result: [row, row] }).result).toEqual([row, row]);
  });
});
