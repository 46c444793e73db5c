import { isAscii, isUtf8 } from 'node:buffer';
import { CsvError, type Options, parse } from 'csv-parse/sync';

/** A longer record is a bad row, which also bounds how far the end of a quoted field is looked for. */
export const MAX_RECORD_BYTES = 1_048_576;

/** What csv-parse finds wrong with quotes, by its codes. */
const QUOTE_PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'unclosed quote',
  CSV_INVALID_CLOSING_QUOTE: 'text after a closing quote',
  INVALID_OPENING_QUOTE: 'quote in an unquoted field',
};
const UNCLOSED = QUOTE_PROBLEMS['CSV_QUOTE_NOT_CLOSED'];

/** What COPY's text format wants in place of a character. */
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

const LF = 10;
const CR = 13;

/**
 * Calls `onRecord` for each record, or the first `most`, with its fields, in Latin-1 as one character is then one byte, and the offset behind it.
 * Stops at the first record whose quotes are broken and says how; null when there is none.
 */
export function readRecords(
  input: Buffer,
  delimiter: string,
  onRecord: (fields: string[], end: number) => void,
  most?: number,
): string | null {
  try {
    const options: Options = {
      delimiter,
      to: most ?? -1,
      encoding: 'latin1',
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      relax_column_count: true,
      on_record: (fields: string[], { bytes }) => void onRecord(fields, bytes),
    };
    parse(input, options);
    return null;
  } catch (error) {
    const problem = error instanceof CsvError ? QUOTE_PROBLEMS[error.code] : undefined;
    if (problem === undefined) throw error;
    return problem;
  }
}

/** How many lines end in these bytes, by LF, CRLF or CR. */
export function lineEnds(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === LF || (bytes[i] === CR && bytes[i + 1] !== LF)) count++;
  }
  return count;
}

/** Where the first line that is not empty begins. At the end, a CR stays unless it is the `last`: its LF may follow. */
export function behindBlankLines(input: Uint8Array, start: number, last: boolean): number {
  let at = start;
  while (input[at] === LF || (input[at] === CR && (last || at + 1 < input.length))) at++;
  return at;
}

/** Where the line behind the one at `start` begins; null when the input ends before that. */
export function nextLine(input: Uint8Array, start: number): number | null {
  const at = input.subarray(start).findIndex((byte) => byte === LF || byte === CR) + start;
  if (at < start) return null;
  if (input[at] === LF) return at + 1;
  if (at + 1 === input.length) return null;
  return input[at + 1] === LF ? at + 2 : at + 1;
}

export function nulProblem(bytes: Buffer): string | null {
  return bytes.includes(0) ? 'a NUL byte, which Postgres cannot store' : null;
}

/** Whether these bytes, which are not UTF-8, look like text all the same: as a letter beside another one does. */
function looksSingleByte(bytes: Buffer): boolean {
  return /[\w ][\x80-\xff]|[\x80-\xff][\w ]/.test(bytes.toString('latin1'));
}

/**
 * Parts good rows from bad ones, with csv-parse. Of a record with broken quotes only the first line is given up: reading
 * goes on at the one behind it.
 */
export class CsvSieve {
  /** Whether any row held a character of UTF-8 beyond ASCII. */
  foundUtf8 = false;
  /** The first line whose bytes look like text in another encoding than UTF-8. */
  foreignLine: number | null = null;

  constructor(
    private readonly delimiter: string,
    private readonly columns: number,
    private readonly onBadRow: (line: number, problem: string) => void,
  ) {}

  /**
   * Returns the good rows, in COPY's text format, and how many bytes were read. What follows those needs more of the
   * file; 0 bytes mean that the input holds no whole record.
   *
   * @param last whether the file ends where the input does
   * @param line the number of the line that the input starts with
   */
  sift(input: Buffer, last: boolean, line: number): { rows: Buffer; taken: number } {
    const rows: string[] = [];
    const place = { at: 0, line };
    const pass = (end: number): void => {
      place.line += lineEnds(input.subarray(place.at, end));
      place.at = end;
    };
    const take = (fields: string[], end: number): void => {
      // The end of the input, not of the record.
      if (!last && end === input.length && input[end - 1] !== LF) return;
      pass(behindBlankLines(input, place.at, last));
      if (this.accepts(fields, input.subarray(place.at, end), place.line)) rows.push(copyText(fields));
      pass(end);
    };
    for (;;) {
      const base = place.at;
      const rest = input.subarray(base);
      const problem = readRecords(rest, this.delimiter, (fields, end) => take(fields, base + end));
      pass(behindBlankLines(input, place.at, last));
      if (problem === null || (problem === UNCLOSED && !last)) break;
      const behind = nextLine(input, place.at);
      if (behind === null && !last) break;
      this.onBadRow(place.line, problem);
      pass(behind ?? input.length);
    }
    return { rows: Buffer.from(rows.join(''), 'latin1'), taken: last ? input.length : place.at };
  }

  private accepts(fields: string[], bytes: Buffer, line: number): boolean {
    const valid = isUtf8(bytes);
    if (!valid && looksSingleByte(bytes)) this.foreignLine ??= line;
    if (valid && !isAscii(bytes)) this.foundUtf8 = true;
    const problem =
      countProblem(fields.length, this.columns) ?? nulProblem(bytes) ?? (valid ? null : 'not valid UTF-8');
    if (problem !== null) this.onBadRow(line, problem);
    return problem === null;
  }
}

function countProblem(found: number, expected: number): string | null {
  if (found === expected) return null;
  return `${found} ${found === 1 ? 'field' : 'fields'} instead of ${expected}`;
}

function copyText(fields: readonly string[]): string {
  const escaped = fields.map((field) =>
    field.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? ''),
  );
  return `${escaped.join('\t')}\n`;
}
