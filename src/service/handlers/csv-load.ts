import { isAscii } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import type { CopyParts } from './copy-parts.ts';
import { type CsvDialect, unsupportedEncoding } from './csv-dialect.ts';
import { CsvSieve, lineEnds, MAX_RECORD_BYTES, nextLine } from './csv-records.ts';
import { fill } from './import-file.ts';
import { plainEnd } from './plain-csv.ts';

/** The longest record with its line end. */
const PART_BYTES = MAX_RECORD_BYTES + 1;

/** csv-parse reads about 10 MB a second, and nothing else happens meanwhile. */
const SIFT_BYTES = 65_536;

export interface CsvLoadOptions {
  dialect: CsvDialect;
  copy: CopyParts;
  onBadRow: (line: number, problem: string) => void;
  /** Called with the place in the file, whenever more of it has been loaded or left out. */
  onProgress: (bytes: number) => void;
  /** Bytes that are loaded at a time, which bounds the length of a record. Default: a record of 1 MiB. */
  partBytes?: number;
}

/** Loads the rows of a CSV file: by Postgres, part by part, and by csv-parse those parts that Postgres may not read. */
export class CsvLoad {
  rows = 0;
  rejected = 0;
  /** Bytes of the file that have been loaded or left out. */
  bytes: number;
  private readonly sieve: CsvSieve;
  private readonly buffer: Buffer;
  private line: number;
  private inLongLine = false;
  /** Up to here, Postgres has refused what it was given, or may not be given it. */
  private siftedTo = 0;

  constructor(
    private readonly handle: FileHandle,
    private readonly options: CsvLoadOptions,
  ) {
    const { dialect, partBytes = PART_BYTES } = options;
    this.buffer = Buffer.allocUnsafe(partBytes);
    this.bytes = dialect.end;
    this.line = dialect.nextLine;
    this.sieve = new CsvSieve(dialect.delimiter, dialect.names.length, (line, problem) =>
      this.reject(line, problem),
    );
  }

  /** Throws a `PermanentFailure` `unsupported_encoding` when the rows are text, but not in UTF-8. */
  async run(): Promise<void> {
    for (let length = 0; ;) {
      length += await fill(this.handle, this.buffer.subarray(length), this.bytes + length);
      if (length === 0) break;
      this.options.copy.signal.throwIfAborted();
      const taken = await this.take(this.buffer.subarray(0, length), length < this.buffer.length);
      this.bytes += taken;
      this.options.onProgress(this.bytes);
      this.buffer.copyWithin(0, taken, length);
      length -= taken;
    }
    const { foreignLine, foundUtf8 } = this.sieve;
    if (foreignLine !== null && !foundUtf8)
      throw unsupportedEncoding(`The file is not in UTF-8, see line ${foreignLine}`, 'WINDOWS-1252');
  }

  /** Returns how many bytes need not be looked at again. */
  private async take(input: Buffer, last: boolean): Promise<number> {
    if (this.inLongLine) return this.skipLine(input, last);
    if (this.bytes >= this.siftedTo) {
      const copied = await this.copy(input, last);
      if (copied > 0) return copied;
      this.siftedTo = this.bytes + input.length;
    }
    return (await this.sift(input, last)) || this.rejectLongRecord(input);
  }

  private async copy(input: Buffer, last: boolean): Promise<number> {
    const { copy, dialect } = this.options;
    const end = plainEnd(input, dialect.delimiter.charCodeAt(0), last);
    if (end === 0) return 0;
    const part = input.subarray(0, end);
    const rows = await copy.csv(part, dialect.delimiter);
    if (rows === null) return 0;
    this.rows += rows;
    this.line += lineEnds(part);
    this.sieve.foundUtf8 ||= !isAscii(part);
    return end;
  }

  private async sift(input: Buffer, last: boolean): Promise<number> {
    for (let size = SIFT_BYTES; ; size *= 2) {
      const part = input.subarray(0, size);
      const whole = part.length === input.length;
      const { rows, taken } = this.sieve.sift(part, last && whole, this.line);
      if (taken === 0 && !whole) continue;
      this.line += lineEnds(part.subarray(0, taken));
      if (rows.length > 0) this.rows += await this.options.copy.text(rows);
      return taken;
    }
  }

  private rejectLongRecord(input: Buffer): number {
    const line = this.line;
    const taken = this.skipLine(input, false);
    const problem = `longer than ${this.buffer.length - 1} bytes`;
    this.reject(line, this.inLongLine ? problem : `${problem}, or a quote is not closed`);
    return taken;
  }

  /** Leaves out the line at the start, or as much of it as is here. */
  private skipLine(input: Buffer, last: boolean): number {
    const end = nextLine(input, 0);
    this.inLongLine = end === null;
    if (end !== null) this.line++;
    // A CR at the end may belong to a line end that goes on.
    return end ?? (last ? input.length : input.length - 1);
  }

  private reject(line: number, problem: string): void {
    this.rejected++;
    this.options.onBadRow(line, problem);
  }
}
