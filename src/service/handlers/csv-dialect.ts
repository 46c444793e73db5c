import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { PermanentFailure } from '../../index.ts';
import { behindBlankLines, lineEnds, MAX_RECORD_BYTES, nulProblem, readRecords } from './csv-records.ts';
import { fill } from './import-file.ts';

/** Where a byte order mark and a line that names the separator fit. */
const START_BYTES = 64;
const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF16_BOMS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];

/** What a file may be separated by without saying so. */
const DELIMITERS = [',', ';', '\t', '|'];
/** The first line by which a file says so, as spreadsheets write and read it. */
const SEPARATOR_LINE = /^"?sep=(.*?)"?(?:\r\n|\n|\r|$)/i;
/** Rows that decide between separators when the header holds several. */
const DECIDING_ROWS = 100;

export interface CsvDialect {
  /** One ASCII character. */
  delimiter: string;
  /** The fields of the header. */
  names: string[];
  /** Where the first row starts, in bytes. */
  end: number;
  /** The line number of the first row. */
  nextLine: number;
}

/**
 * Finds out how a CSV file is written, from its start. Throws a `PermanentFailure`: `empty_file`, `bad_header`,
 * `unsupported_encoding` or `unclear_separator`.
 */
export async function readDialect(handle: FileHandle): Promise<CsvDialect> {
  // Room for the longest header, behind a byte order mark and a line that names the separator.
  const buffer = Buffer.allocUnsafe(MAX_RECORD_BYTES + START_BYTES);
  const sample = buffer.subarray(0, await fill(handle, buffer, 0));
  const whole = sample.length < buffer.length;
  if (isUtf16(sample)) throw unsupportedEncoding('The file is in UTF-16', 'UTF-16');

  const begin = sample.subarray(0, UTF8_BOM.length).equals(UTF8_BOM) ? UTF8_BOM.length : 0;
  const named = namedDelimiter(sample.toString('latin1', begin, START_BYTES));
  const start = behindBlankLines(sample, begin + (named?.bytes ?? 0), whole);
  if (start === sample.length)
    throw new PermanentFailure('The file has no header line.', { code: 'empty_file' });

  const rest = sample.subarray(start);
  const delimiter = named?.delimiter ?? findDelimiter(rest);
  const { names, end } = readHeader(rest, delimiter, 1 + lineEnds(sample.subarray(0, start)), whole);
  return { delimiter, names, end: start + end, nextLine: 1 + lineEnds(sample.subarray(0, start + end)) };
}

/** The failure of a file that is not in UTF-8, and the way out. */
export function unsupportedEncoding(what: string, encoding: string): PermanentFailure {
  const message = `${what}: save it as UTF-8, or convert it by "iconv -f ${encoding} -t UTF-8 <file> > <new file>".`;
  return new PermanentFailure(message, { code: 'unsupported_encoding' });
}

/** By its byte order mark; without one, by the NUL that it adds to an ASCII character. */
function isUtf16(sample: Buffer): boolean {
  const marked = UTF16_BOMS.some((bom) => sample.subarray(0, bom.length).equals(bom));
  return marked || sample[0] === 0 || sample[1] === 0;
}

/** Null when the first line is no `sep=` line. */
function namedDelimiter(start: string): { delimiter: string; bytes: number } | null {
  const line = SEPARATOR_LINE.exec(start);
  if (!line) return null;
  const delimiter = line[1] ?? '';
  if (!/^[ -~\t]$/.test(delimiter) || /[\w"]/.test(delimiter))
    throw unclearSeparator('The first line names a separator that is not one ASCII punctuation mark or tab');
  return { delimiter, bytes: line[0].length };
}

/** The one that the header holds; of several, the one by which most rows have as many fields as the header. */
function findDelimiter(rest: Buffer): string {
  const found = DELIMITERS.map((delimiter) => {
    const counts: number[] = [];
    readRecords(rest, delimiter, (fields) => counts.push(fields.length), DECIDING_ROWS + 1);
    const [header = 0, ...rows] = counts;
    return { delimiter, header, fitting: rows.filter((count) => count === header).length };
  }).filter(({ header }) => header > 1);
  const most = Math.max(...found.map(({ fitting }) => fitting));
  const best = found.length > 1 ? found.filter(({ fitting }) => fitting === most) : found;
  if (best.length > 1) {
    const shown = best.map(({ delimiter }) => JSON.stringify(delimiter)).join(' or ');
    throw unclearSeparator(`The fields of the file may be separated by ${shown}`);
  }
  return best[0]?.delimiter ?? ',';
}

function unclearSeparator(what: string): PermanentFailure {
  const message = `${what}: put a line such as "sep=;" before the header.`;
  return new PermanentFailure(message, { code: 'unclear_separator' });
}

function readHeader(rest: Buffer, delimiter: string, line: number, whole: boolean) {
  const records: { fields: string[]; end: number }[] = [];
  const broken = readRecords(rest, delimiter, (fields, end) => records.push({ fields, end }), 1);
  const { fields, end } = records[0] ?? { fields: [], end: 0 };
  const bytes = rest.subarray(0, end);
  const tooLong = end > MAX_RECORD_BYTES || (end === rest.length && !whole);
  const problem = broken ?? (tooLong ? `longer than ${MAX_RECORD_BYTES} bytes` : nulProblem(bytes));
  if (problem !== null) {
    const message = `The header in line ${line} cannot be used: ${problem}.`;
    throw new PermanentFailure(message, { code: 'bad_header' });
  }
  if (!isUtf8(bytes)) throw unsupportedEncoding(`The header in line ${line} is not in UTF-8`, 'WINDOWS-1252');
  return { names: fields.map((name) => Buffer.from(name, 'latin1').toString()), end };
}
