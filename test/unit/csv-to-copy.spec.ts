import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { CsvToCopy } from '../../src/service/handlers/csv-to-copy.ts';

interface Converted {
  copy: string;
  rows: number;
  bytes: number;
  bad: string[];
}

/** Converts bytes that come in pieces of these sizes, in turn. */
async function convert(csv: Buffer, sizes: readonly number[], columns = 3): Promise<Converted> {
  const bad: string[] = [];
  const onBadRow = (line: number, problem: string) => void bad.push(`${line}: ${problem}`);
  const rows = new CsvToCopy({ columns, line: 1, offset: 0, onBadRow, onProgress: () => {} });
  const pieces: Buffer[] = [];
  for (let at = 0, n = 0; at < csv.length; at += pieces.at(-1)?.length ?? 1, n++) {
    pieces.push(csv.subarray(at, at + (sizes[n % sizes.length] ?? 1)));
  }
  const output: Buffer[] = await Readable.from(pieces).pipe(rows).toArray();
  return { copy: Buffer.concat(output).toString('latin1'), rows: rows.rows, bytes: rows.bytes, bad };
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

const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab",\r\n\t\\ é🦜') }),
  fc.string({ unit: 'binary' }).map((any) => any.replaceAll('\0', '')),
);
const table = fc.array(fc.array(text, { minLength: 3, maxLength: 3 }), { minLength: 1 });

describe('CSV to COPY', () => {
  it('gives every field of every well-formed file, however it is cut', async () => {
    const newline = fc.constantFrom('\n', '\r\n', '\r');
    await fc.assert(
      fc.asyncProperty(table, newline, fc.boolean(), sizes, async (records, end, quoteAll, cuts) => {
        const csv = Buffer.from(csvText(records, end, quoteAll));
        const result = await convert(csv, cuts);
        expect(result).toEqual({ copy: copyText(records), rows: records.length, bytes: csv.length, bad: [] });
      }),
    );
  });

  it('reads what csv-parse reads, wherever csv-parse accepts the file', async () => {
    const soup = fc.string({ unit: fc.constantFrom(...'aaa""",,,\n\n\r'), minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(soup, sizes, async (csv, cuts) => {
        const { copy, bad } = await convert(Buffer.from(csv), cuts, 2);
        const records = byCsvParse(csv);
        if (records === null) return void expect(bad).not.toEqual([]);
        const good = records.filter((record) => record.length === 2);
        expect(copy).toBe(copyText(good));
        expect(bad).toHaveLength(records.length - good.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('comes to the same rows and the same bad lines of any bytes, however they are cut', async () => {
    const bytes = fc.array(fc.constantFrom(0, 9, 10, 13, 34, 34, 44, 44, 65, 92, 0xc3, 0xa9, 0xff), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(bytes, sizes, async (any, cuts) => {
        const csv = Buffer.from(any);
        const whole = await convert(csv, [csv.length + 1]);
        expect(await convert(csv, cuts)).toEqual(whole);
        expect(whole.bytes).toBe(csv.length);
        expect(whole.copy).not.toContain('\0');
      }),
      { numRuns: 1_000 },
    );
  });

  it.each(['\n', '\r', '\r\n'])(
    'finds the end %j of an endless line at the end of a read',
    async (newline) => {
      const line = 'x'.repeat(1_048_577);
      const { copy, bad } = await convert(Buffer.from(`${line}${newline}last`), [line.length, 1, 1, 4], 1);
      expect(copy).toBe('last\n');
      expect(bad).toEqual(['1: longer than 1048576 bytes']);
    },
  );

  it('holds no more of an endless line than a record may have', async () => {
    const rows = new CsvToCopy({ columns: 1, line: 1, offset: 0, onBadRow: () => {}, onProgress: () => {} });
    rows.resume();
    for (let n = 0; n < 64; n++) rows.write(Buffer.alloc(1_048_576, 'x'));
    rows.end('\nlast\n');
    await new Promise((resolve) => rows.once('end', resolve));
    expect([rows.rows, rows.rejected, rows.bytes]).toEqual([1, 1, 64 * 1_048_576 + 6]);
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
