import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { InvalidInput, JobError } from '../../src/job/job-errors.ts';
import type { Json } from '../../src/job/job.ts';
import { checkPayload, hashPayload } from '../../src/submit/payload.ts';

/** The same value with the keys of every object in another order. */
function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item)] as const);
  return Object.fromEntries(entries.toReversed());
}

describe('the hash of a payload', () => {
  it.each<[Json, Json]>([
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [{ a: { x: 1, y: [{ p: 1, q: 2 }] } }, { a: { y: [{ q: 2, p: 1 }], x: 1 } }],
    [1, 1.0],
    [{}, {}],
  ])('%j and %j are the same', (a, b) => {
    expect(hashPayload(a)).toBe(hashPayload(b));
  });

  it('does not depend on the order of keys at any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const payload = JSON.parse(JSON.stringify(value)) as Json;
        expect(hashPayload(shuffled(payload))).toBe(hashPayload(payload));
      }),
    );
  });

  it('tells values apart that look alike', () => {
    const alike: Json[] = [
      null,
      false,
      0,
      '',
      'null',
      '0',
      [],
      {},
      [[]],
      [{}],
      [null],
      { a: null },
      { a: [] },
      { a: {} },
      { '0': 1 },
      [1],
      ['a', 1],
      [['a', 1]],
      { a: 1 },
      { a: '1' },
      ['[', 1],
      ['{', ['a', 1]],
      [1, 2],
      [2, 1],
      '[',
      '{',
      { '[': 1 },
      { '{': 1 },
    ];
    expect(new Set(alike.map(hashPayload)).size).toBe(alike.length);
  });

  it('sees an own key that objects treat in a special way', () => {
    const special = JSON.parse('{"__proto__": {"a": 1}}') as Json;
    expect(hashPayload(special)).not.toBe(hashPayload({}));
    expect(hashPayload(special)).not.toBe(hashPayload(JSON.parse('{"__proto__": {"a": 2}}') as Json));
  });
});

describe('a payload', () => {
  it.each<[unknown]>([
    [null],
    [0],
    ['text'],
    [[]],
    [{ a: [1, { b: null }] }],
    ['\\u0000'],
    [{ emoji: '😀' }],
  ])('may be %j', (payload) => {
    expect(() => checkPayload(payload)).not.toThrow();
  });

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['nothing', undefined],
    ['a BigInt', { a: 1n }],
    ['U+0000', { a: 'x\u0000' }],
    ['U+0000 in a key', { 'x\u0000': 1 }],
    ['a lone surrogate', ['\ud83d']],
  ])('must not be %s', (_name, payload) => {
    expect(() => checkPayload(payload)).toThrow(InvalidInput);
  });

  it('must not be circular', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(() => checkPayload(circular)).toThrow(InvalidInput);
  });

  it('may have 64 KiB, counted in bytes', () => {
    expect(() => checkPayload('x'.repeat(65_534))).not.toThrow();
    expect(() => checkPayload('x'.repeat(65_535))).toThrow(
      expect.objectContaining({ code: 'payload_too_large' }),
    );
    expect(() => checkPayload('ü'.repeat(32_767))).not.toThrow();
    expect(() => checkPayload('ü'.repeat(32_768))).toThrow(JobError);
  });

  it('may be nested 64 levels deep and not deeper, however deep that is', () => {
    const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    expect(() => checkPayload(nested(64))).not.toThrow();
    expect(() => checkPayload(nested(66))).toThrow(/deeper than 64/);
    expect(() => checkPayload(nested(20_000))).toThrow(/deeper than 64/);
  });
});
