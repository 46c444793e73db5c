import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { errorCode } from './error-code.ts';
import { type ImportTable, copyStatement } from './import-table.ts';

/** How many bytes go to Postgres between two calls of `onSent`. */
const SLICE_BYTES = 262_144;

/** SQLSTATE class 22, "data exception": a wrong number of columns, a NUL byte, text in another encoding. */
const DATA_EXCEPTION = '22';

/** Fills a table by parts, inside a transaction: a part that Postgres refuses is undone alone. */
export class CopyParts {
  readonly signal: AbortSignal;
  private readonly client: ClientBase;
  private readonly target: ImportTable;

  private constructor(client: ClientBase, target: ImportTable, signal: AbortSignal) {
    this.client = client;
    this.target = target;
    this.signal = signal;
  }

  static async begin(client: ClientBase, target: ImportTable, signal: AbortSignal): Promise<CopyParts> {
    await client.query('SAVEPOINT part');
    return new CopyParts(client, target, signal);
  }

  /** Loads CSV as Postgres reads it. Returns the number of rows; null when Postgres refused them. */
  async csv(bytes: Buffer, delimiter: string, onSent: (bytes: number) => void): Promise<number | null> {
    try {
      return await this.copy(copyStatement(this.target, delimiter), slices(bytes, onSent));
    } catch (error) {
      if (!errorCode(error)?.startsWith(DATA_EXCEPTION)) throw error;
      await this.client.query('ROLLBACK TO SAVEPOINT part');
      return null;
    }
  }

  /** Loads COPY's text format. Returns the number of rows. */
  async text(bytes: Buffer): Promise<number> {
    return this.copy(copyStatement(this.target), [bytes]);
  }

  private async copy(statement: string, bytes: Iterable<Buffer>): Promise<number> {
    // Renewing the savepoint in the same message saves two round trips a part.
    const stream = copyFrom(`${statement}; RELEASE SAVEPOINT part; SAVEPOINT part`);
    await pipeline(bytes, this.client.query(stream), { signal: this.signal });
    return stream.rowCount;
  }
}

function* slices(bytes: Buffer, onSent: (bytes: number) => void): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    const slice = bytes.subarray(at, at + SLICE_BYTES);
    yield slice;
    onSent(at + slice.length);
  }
}
