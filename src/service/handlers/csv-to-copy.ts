import type { FileHandle } from 'node:fs/promises';
import { Transform, type TransformCallback } from 'node:stream';
import { PermanentFailure } from '../../index.ts';
import { CsvScanner, MAX_RECORD_BYTES } from './csv-scanner.ts';

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

export interface CsvHeader {
  names: string[];
  /** Where the first row starts, in bytes. */
  end: number;
  /** The line number of the first row. */
  nextLine: number;
}

/** Reads the header line of a CSV file. Throws a `PermanentFailure` `empty_file` or `bad_header`. */
export async function readHeader(handle: FileHandle): Promise<CsvHeader> {
  const enough = MAX_RECORD_BYTES + BOM.length + 1;
  const input = await readStart(handle, enough);
  const scanner = new CsvScanner(input, input.length < enough);
  let start = input.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
  let line = 1;
  for (; start < input.length && scanner.isBlank(start); line++)
    start = scanner.lineAfter(start) ?? input.length;
  if (start >= input.length)
    throw new PermanentFailure('The file has no header line.', { code: 'empty_file' });

  const record = scanner.read(start);
  const problem = record ? record.problem : `longer than ${MAX_RECORD_BYTES} bytes`;
  if (!record || problem) {
    throw new PermanentFailure(`The header in line ${line} cannot be used: ${problem}.`, {
      code: 'bad_header',
    });
  }
  return { names: fieldsOf(scanner.output), end: record.end, nextLine: line + record.lines };
}

async function readStart(handle: FileHandle, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, size - length, length);
    length += bytesRead;
    if (bytesRead === 0) return buffer.subarray(0, length);
  }
}

/** The fields of one record of COPY text. A name needs no line breaks, so every escape but `\\` becomes a space. */
function fieldsOf(copyText: Buffer): string[] {
  const names = copyText.toString('utf8').slice(0, -1).split('\t');
  return names.map((name) =>
    name.replace(/\\(.)/g, (_all, letter: string) => (letter === '\\' ? '\\' : ' ')),
  );
}

export interface CsvToCopyOptions {
  /** How many fields a row has. */
  columns: number;
  /** The line number of the first row. */
  line: number;
  /** Bytes of the file before the first row. */
  offset: number;
  onBadRow: (line: number, problem: string) => void;
  /** Called after each chunk. */
  onProgress: () => void;
}

/** Turns the rows of a CSV file into COPY's text format; bad rows are left out and told. */
export class CsvToCopy extends Transform {
  rows = 0;
  rejected = 0;
  private readonly options: CsvToCopyOptions;
  private line: number;
  private consumed: number;
  /** The record that the chunks so far have begun, but not ended. */
  private rest: Buffer = Buffer.alloc(0);
  private inOverlongLine = false;

  constructor(options: CsvToCopyOptions) {
    super();
    this.options = options;
    this.line = options.line;
    this.consumed = options.offset;
  }

  /** Bytes of the file that have been turned into rows or left out. */
  get bytes(): number {
    return this.consumed;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.convert(this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk, false, done);
  }

  override _flush(done: TransformCallback): void {
    this.convert(this.rest, true, done);
  }

  private convert(input: Buffer, last: boolean, done: TransformCallback): void {
    const scanner = new CsvScanner(input, last);
    let at = 0;
    while (at < input.length) {
      const next = this.advance(scanner, at);
      if (next === null) break;
      at = next;
    }
    at = this.leaveOverlongLine(input, at);
    this.rest = input.subarray(at);
    this.consumed += at;
    this.options.onProgress();
    done(null, scanner.output);
  }

  /** Takes what starts at `at` and says where the next thing starts; null when the chunk ends before that. */
  private advance(scanner: CsvScanner, at: number): number | null {
    if (this.inOverlongLine || scanner.isBlank(at)) return this.passLine(scanner, at);
    const record = scanner.read(at, this.options.columns);
    if (!record) return null;
    if (record.problem) this.reject(record.problem);
    else this.rows++;
    this.line += record.lines;
    return record.end;
  }

  private passLine(scanner: CsvScanner, at: number): number | null {
    const next = scanner.lineAfter(at);
    if (next === null) return null;
    this.inOverlongLine = false;
    this.line++;
    return next;
  }

  /** A line longer than a record may be is not kept in memory; its last byte may be a CR that ends it. */
  private leaveOverlongLine(input: Buffer, at: number): number {
    if (!this.inOverlongLine) {
      if (input.length - at <= MAX_RECORD_BYTES) return at;
      this.inOverlongLine = true;
      this.reject(`longer than ${MAX_RECORD_BYTES} bytes`);
    }
    return Math.max(at, input.length - 1);
  }

  private reject(problem: string): void {
    this.rejected++;
    this.options.onBadRow(this.line, problem);
  }
}
