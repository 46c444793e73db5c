import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { isStorableText, storableJson, storableText } from '../../src/runtime/storable.ts';

/** Texts of UTF-16 units, with the ones that matter more often than chance would have it. */
const texts = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\\',
        '\\\\',
        '\u0000',
        '\\u0000',
        'u0000',
        '\ud83d',
        '\ude00',
        '😀',
        '\\ud83d',
        'ud83d',
        '"',
        'a',
      ),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

/** Every text inside a JSON value, keys included. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return [...(Array.isArray(value) ? [] : Object.keys(value)), ...Object.values(value).flatMap(textsOf)];
}

describe('storable text', () => {
  it('replaces U+0000 and lone surrogates and nothing else', () => {
    expect(storableText('a\u0000b')).toBe('a\uFFFDb');
    expect(storableText('a\ud83db')).toBe('a\uFFFDb');
    expect(storableText('a\ude00b')).toBe('a\uFFFDb');
    expect(storableText('a😀\u0001\\u0000b')).toBe('a😀\u0001\\u0000b');
  });

  it('is what the check accepts, and a text that the check accepts stays as it is', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(isStorableText(storableText(text))).toBe(true);
        expect(storableText(text) === text).toBe(isStorableText(text));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('storable JSON', () => {
  it.each([
    ['U+0000', 'a\u0000b', 'a\uFFFDb'],
    ['a lone high surrogate', '\ud83d', '\uFFFD'],
    ['a lone low surrogate', '\ude00', '\uFFFD'],
    ['two in a row', '\u0000\u0000', '\uFFFD\uFFFD'],
    ['one after a backslash', '\\\u0000', '\\\uFFFD'],
    ['one after two backslashes', '\\\\\u0000', '\\\\\uFFFD'],
    ['a pair', '😀', '😀'],
    ['another escape', '\u0001', '\u0001'],
    ['a backslash before a literal u0000', '\\u0000', '\\u0000'],
    ['two backslashes before a literal u0000', '\\\\u0000', '\\\\u0000'],
    ['a backslash before a literal surrogate', '\\ud83d', '\\ud83d'],
  ])('reads %s as it should', (_name, given, stored) => {
    expect(JSON.parse(storableJson(JSON.stringify(given)))).toBe(stored);
    expect(JSON.parse(storableJson(JSON.stringify({ [given]: [given] })))).toEqual({ [stored]: [stored] });
  });

  it('holds no text that Postgres refuses, and says the same where there was none', () => {
    const values = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        texts,
        fc.integer(),
        fc.array(tie('value')),
        fc.dictionary(texts, tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(values, (value) => {
        const json = JSON.stringify(value);
        const stored: unknown = JSON.parse(storableJson(json));
        expect(textsOf(stored).every(isStorableText)).toBe(true);
        if (textsOf(value).every(isStorableText)) expect(storableJson(json)).toBe(json);
      }),
      { numRuns: 2_000 },
    );
  });

  it('replaces in place: every text keeps its length', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const stored = JSON.parse(storableJson(JSON.stringify(text))) as string;
        expect(stored).toBe(storableText(text));
        expect(stored).toHaveLength(text.length);
      }),
      { numRuns: 2_000 },
    );
  });
});
