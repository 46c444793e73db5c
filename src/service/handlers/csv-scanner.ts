import { isUtf8 } from 'node:buffer';

/**
 * A longer record is a bad row, which also bounds how far a quote that is never closed is looked for: after
 * that, or at the first sign that quotes are broken, reading goes on at the line behind the one that opened it.
 */
export const MAX_RECORD_BYTES = 1_048_576;

const TAB = 9;
const LF = 10;
const CR = 13;
const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;

/** The letter that COPY's text format wants behind a backslash in place of the byte; 0: the byte itself. */
const ESCAPES = new Uint8Array(256);
ESCAPES[TAB] = 't'.charCodeAt(0);
ESCAPES[LF] = 'n'.charCodeAt(0);
ESCAPES[CR] = 'r'.charCodeAt(0);
ESCAPES[BACKSLASH] = BACKSLASH;

export interface CsvRecord {
  fields: number;
  /** Where the next record starts in the input. */
  end: number;
  /** Lines that the record took. */
  lines: number;
  /** What is wrong with it, in words; null when nothing is. Its bytes are then not in the output. */
  problem: string | null;
}

/** `more`: the answer lies behind the end of the input. */
type FieldEnd =
  'ok' | 'more' | 'unclosed quote' | 'text after a closing quote' | 'quote in an unquoted field';

/**
 * Reads the records of a piece of CSV (RFC 4180; lines end with LF, CRLF or CR) and writes the good ones to
 * `output` in COPY's text format: fields separated by tabs, ended by a newline. Bytes are copied, never decoded.
 */
export class CsvScanner {
  private readonly input: Buffer;
  private readonly last: boolean;
  private readonly buffer: Buffer;
  private readonly suspicious: boolean;
  private at = 0;
  private written = 0;
  private breaks = 0;

  /** @param last whether the input ends where the file ends */
  constructor(input: Buffer, last: boolean) {
    this.input = input;
    this.last = last;
    // Every byte may need a backslash, and the last record a newline of its own.
    this.buffer = Buffer.allocUnsafe(input.length * 2 + 1);
    // One fast look at everything saves one per record, unless the input holds (or cuts) something odd.
    this.suspicious = input.includes(0) || !isUtf8(input);
  }

  get output(): Buffer {
    return this.buffer.subarray(0, this.written);
  }

  /** Whether the line at `start` is empty. */
  isBlank(start: number): boolean {
    return this.input[start] === LF || this.input[start] === CR;
  }

  /** The record at `start`, bad unless it has `fields` fields (when given); null when the input ends before it does. */
  read(start: number, fields?: number): CsvRecord | null {
    const mark = this.written;
    const whole = this.readFields(start);
    const record = whole && whole.end - start <= MAX_RECORD_BYTES ? whole : this.tooLong(start);
    if (record) record.problem ??= this.problemOf(record, mark, fields);
    if (!record || record.problem) this.written = mark;
    return record;
  }

  /** Where the line behind the one at `start` begins; null when the input ends before that. */
  lineAfter(start: number): number | null {
    for (let i = start; i < this.input.length; i++) {
      if (this.input[i] === LF || this.input[i] === CR) return this.behindLineEnd(i);
    }
    return this.last ? this.input.length : null;
  }

  private readFields(start: number): CsvRecord | null {
    this.at = start;
    this.breaks = 0;
    for (let fields = 1; ; fields++) {
      const end = this.input[this.at] === QUOTE ? this.quotedField() : this.bareField();
      if (end === 'more') return null;
      if (end !== 'ok') return this.broken(start, end);
      if (this.input[this.at] !== COMMA) return this.endRecord(fields);
      this.at++;
      this.buffer[this.written++] = TAB;
    }
  }

  private endRecord(fields: number): CsvRecord | null {
    const end = this.at < this.input.length ? this.behindLineEnd(this.at) : this.at;
    if (end === null) return null;
    this.buffer[this.written++] = LF;
    return { fields, end, lines: this.breaks + 1, problem: null };
  }

  /** Only the first line of a record with broken quotes is given up. */
  private broken(start: number, problem: string): CsvRecord | null {
    const end = this.lineAfter(start);
    return end === null ? null : { fields: 0, end, lines: 1, problem };
  }

  private tooLong(start: number): CsvRecord | null {
    if (this.input.length - start <= MAX_RECORD_BYTES) return null;
    return this.broken(start, `longer than ${MAX_RECORD_BYTES} bytes, or a quote is not closed`);
  }

  private problemOf(record: CsvRecord, mark: number, fields: number | undefined): string | null {
    if (fields !== undefined && record.fields !== fields) {
      return `${record.fields} ${record.fields === 1 ? 'field' : 'fields'} instead of ${fields}`;
    }
    if (!this.suspicious) return null;
    const bytes = this.buffer.subarray(mark, this.written);
    if (bytes.includes(0)) return 'a NUL byte, which Postgres cannot store';
    return isUtf8(bytes) ? null : 'not valid UTF-8';
  }

  private bareField(): FieldEnd {
    const { input, buffer } = this;
    let written = this.written;
    let i = this.at;
    for (; i < input.length; i++) {
      const byte = input[i] as number;
      if (byte === COMMA || byte === LF || byte === CR) break;
      if (byte === QUOTE) return 'quote in an unquoted field';
      const escape = ESCAPES[byte] as number;
      if (escape) buffer[written++] = BACKSLASH;
      buffer[written++] = escape || byte;
    }
    this.written = written;
    this.at = i;
    return i < input.length || this.last ? 'ok' : 'more';
  }

  private quotedField(): FieldEnd {
    const { input, buffer } = this;
    let written = this.written;
    for (let i = this.at + 1; i < input.length; i++) {
      const byte = input[i] as number;
      if (byte === QUOTE && input[++i] !== QUOTE) {
        this.written = written;
        this.at = i;
        return this.closed(i);
      }
      if (byte === CR || (byte === LF && input[i - 1] !== CR)) this.breaks++;
      const escape = ESCAPES[byte] as number;
      if (escape) buffer[written++] = BACKSLASH;
      buffer[written++] = escape || byte;
    }
    return this.last ? 'unclosed quote' : 'more';
  }

  /** Judges what follows a closing quote. */
  private closed(i: number): FieldEnd {
    if (i >= this.input.length) return this.last ? 'ok' : 'more';
    const byte = this.input[i];
    return byte === COMMA || byte === LF || byte === CR ? 'ok' : 'text after a closing quote';
  }

  private behindLineEnd(i: number): number | null {
    if (this.input[i] === LF) return i + 1;
    if (i + 1 >= this.input.length && !this.last) return null;
    return this.input[i + 1] === LF ? i + 2 : i + 1;
  }
}
