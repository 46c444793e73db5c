import { describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { plainEnd } from '../../src/service/handlers/plain-csv.ts';

const COMMA = 44;

function endOf(csv: string, last: boolean): number {
  return plainEnd(Buffer.from(csv), COMMA, last);
}

describe('plainEnd', () => {
  it('takes a whole file exactly when csv-parse accepts its quotes and Postgres has nothing of its own to see', () => {
    const soup = fc.string({ unit: fc.constantFrom(...'aaa""",,,\n\n\r\\.'), minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(soup, (csv) => {
        const ours = /^\\\.|[\r\n]\\\./.test(csv) || blankLine(csv);
        expect(endOf(csv, true) === csv.length).toBe(!ours && quotesAreWell(csv));
      }),
      { numRuns: 2_000 },
    );
  });

  it('ends behind the last whole record wherever a file is cut', () => {
    const csv = 'a,"x\ny"\r\n"b","say ""hi"""\r\nc,d\r\n';
    const ends = [9, 27, 32];
    for (let at = 0; at <= csv.length; at++) {
      expect(endOf(csv.slice(0, at), false)).toBe(ends.findLast((end) => end <= at) ?? 0);
    }
  });

  it('keeps back a CR at the end, whose LF may follow', () => {
    expect(endOf('a\rb\r', false)).toBe(2);
    expect(endOf('a\rb\r', true)).toBe(4);
  });

  it.each([
    ['a quote in an unquoted field', 'a,5" pipe\nb,6" pipe\n'],
    ['text behind a closing quote', 'a,"b"c\n'],
    ['an empty line', 'a\n\nb\n'],
    ['an empty line at the start', '\r\na\n'],
    ['the end-of-data mark', 'a\n\\.\nb\n'],
    ['the end-of-data mark inside of quotes', 'a,"b\n\\.\n"\n'],
  ])('takes nothing with %s, which Postgres would not refuse', (_what, csv) => {
    expect(endOf(csv, true)).toBe(0);
  });
});

function quotesAreWell(csv: string): boolean {
  try {
    parse(csv, { record_delimiter: ['\r\n', '\n', '\r'], relax_column_count: true });
    return true;
  } catch {
    return false;
  }
}

/** An empty line outside of quotes. */
function blankLine(csv: string): boolean {
  const outside = csv.split('"').filter((_piece, index) => index % 2 === 0);
  return outside.some(
    (piece, index) => /\n[\r\n]|\r\r/.test(piece) || (index === 0 && /^[\r\n]/.test(piece)),
  );
}
