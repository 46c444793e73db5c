import { describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { CsvSieve } from '../../src/service/handlers/csv-records.ts';

interface Sifted {
  copy: string;
  bytes: number;
  bad: string[];
}

/** Sifts bytes that come in pieces of these sizes, in turn. */
function sift(csv: Buffer, sizes: readonly number[], columns = 3): Sifted {
  const sifted: Sifted = { copy: '', bytes: 0, bad: [] };
  const sieve = new CsvSieve(',', columns, (line, problem) => sifted.bad.push(`${line}: ${problem}`));
  for (let to = 0, line = 1, n = 0; to < csv.length; n++) {
    to = Math.min(csv.length, to + (sizes[n % sizes.length] ?? 1));
    const input = csv.subarray(sifted.bytes, to);
    const { rows, taken } = sieve.sift(input, to === csv.length, line);
    sifted.copy += rows.toString('latin1');
    sifted.bytes += taken;
    line += input.toString('latin1', 0, taken).match(/\r\n|\n|\r/g)?.length ?? 0;
  }
  return sifted;
}

/** COPY's text format, as the documentation of Postgres has it. */
function copyText(records: string[][]): string {
  const letters: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
  const field = (text: string) => text.replace(/[\\\t\n\r]/g, (letter) => letters[letter] ?? '');
  return Buffer.from(records.map((record) => `${record.map(field).join('\t')}\n`).join('')).toString(
    'latin1',
  );
}

function csvText(records: string[][], newline: string, quoteAll: boolean): string {
  const field = (text: string) =>
    quoteAll || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return records.map((record) => record.map(field).join(',')).join(newline);
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab",\r\n\t\\ é🦜') }),
  fc.string({ unit: 'binary' }).map((any) => any.replaceAll('\0', '')),
);
const table = fc.array(fc.array(text, { minLength: 3, maxLength: 3 }), { minLength: 1 });

describe('CsvSieve', () => {
  it('gives every field of every well-formed file, however it is cut', () => {
    const newline = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(table, newline, fc.boolean(), sizes, (records, end, quoteAll, cuts) => {
        const csv = Buffer.from(csvText(records, end, quoteAll));
        expect(sift(csv, cuts)).toEqual({ copy: copyText(records), bytes: csv.length, bad: [] });
      }),
      { numRuns: 50 },
    );
  });

  it('reads what csv-parse reads, wherever csv-parse accepts the file', () => {
    const soup = fc.string({ unit: fc.constantFrom(...'aaa""",,,\n\n\r'), minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(soup, sizes, (csv, cuts) => {
        const { copy, bad } = sift(Buffer.from(csv), cuts, 2);
        const records = byCsvParse(csv);
        if (records === null) return void expect(bad).not.toEqual([]);
        const good = records.filter((record) => record.length === 2);
        expect(copy).toBe(copyText(good));
        expect(bad).toHaveLength(records.length - good.length);
      }),
      { numRuns: 300 },
    );
  });

  it('comes to the same rows and the same bad lines of any bytes, however they are cut', () => {
    const bytes = fc.array(fc.constantFrom(0, 9, 10, 13, 34, 34, 44, 44, 65, 92, 0xc3, 0xa9, 0xff), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(bytes, sizes, (any, cuts) => {
        const csv = Buffer.from(any);
        const whole = sift(csv, [csv.length + 1]);
        expect(sift(csv, cuts)).toEqual(whole);
        expect(whole.bytes).toBe(csv.length);
        expect(whole.copy).not.toContain('\0');
      }),
      { numRuns: 300 },
    );
  });
});

/** Null when csv-parse finds the quotes broken. */
function byCsvParse(csv: string): string[][] | null {
  try {
    return parse(csv, {
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      relax_column_count: true,
    });
  } catch {
    return null;
  }
}
