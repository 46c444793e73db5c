import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type Cursor, formatCursor, isAfter, parseCursor, START } from '../../src/job/cursor.ts';

const cursors: fc.Arbitrary<Cursor> = fc.record({
  version: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  tick: fc.integer({ min: 0, max: 999_999_999_999_999 }),
});

describe('a cursor', () => {
  it.each(['0.0', '1.0', '12.345', '2147483647.999999999999999'])('reads %s', (text) => {
    const cursor = parseCursor(text);
    expect(cursor && formatCursor(cursor)).toBe(text);
  });

  it.each([
    '',
    '1',
    '.',
    '1.',
    '.1',
    '1.2.3',
    '-1.0',
    '1.-1',
    '+1.0',
    '01.0',
    '1.00',
    '1.01',
    ' 1.0',
    '1.0 ',
    '1.0\n',
    '1,0',
    '1e3.0',
    '0x1.0',
    'a.b',
    '１.０',
    '1.0\u0000',
    '12345678901.0',
    '1.1234567890123456',
    'Infinity.0',
  ])('refuses %j', (text) => {
    expect(parseCursor(text)).toBeNull();
  });

  it('reads back every cursor that it writes', () => {
    fc.assert(
      fc.property(cursors, (cursor) => {
        expect(parseCursor(formatCursor(cursor))).toEqual(cursor);
      }),
    );
  });

  it('never throws and only reads what it would write itself', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,20}$/)), (text) => {
        const cursor = parseCursor(text);
        expect(cursor === null || formatCursor(cursor) === text).toBe(true);
      }),
    );
  });

  it('orders by version first and by tick within it', () => {
    const inOrder = ['0.0', '1.0', '1.1', '1.2', '1.10', '2.0', '2.5', '10.0'].map(
      (text) => parseCursor(text) ?? START,
    );
    for (const [i, a] of inOrder.entries())
      for (const [j, b] of inOrder.entries()) expect(isAfter(a, b)).toBe(i > j);
  });

  it('is a total order: of two different cursors exactly one is after the other', () => {
    fc.assert(
      fc.property(cursors, cursors, (a, b) => {
        const same = formatCursor(a) === formatCursor(b);
        expect(Number(isAfter(a, b)) + Number(isAfter(b, a))).toBe(same ? 0 : 1);
      }),
    );
  });
});
