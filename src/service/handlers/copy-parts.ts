import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { errorCode } from './error-code.ts';
import { type ImportTable, copyStatement } from './import-table.ts';

/** SQLSTATE class 22, "data exception": a wrong number of columns, a NUL byte, text in another encoding. */
const DATA_EXCEPTION = '22';

/** Fills a table by parts, inside a transaction: a part that Postgres refuses is undone alone. */
export class CopyParts {
  constructor(
    private readonly client: ClientBase,
    private readonly target: ImportTable,
    readonly signal: AbortSignal,
  ) {}

  /** Loads CSV as Postgres reads it. Returns the number of rows; null when Postgres refused them. */
  async csv(bytes: Buffer, delimiter: string): Promise<number | null> {
    try {
      return await this.copy(copyStatement(this.target, delimiter), bytes);
    } catch (error) {
      if (!errorCode(error)?.startsWith(DATA_EXCEPTION)) throw error;
      await this.client.query('ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part');
      return null;
    }
  }

  /** Loads COPY's text format. Returns the number of rows. */
  async text(bytes: Buffer): Promise<number> {
    return this.copy(copyStatement(this.target), bytes);
  }

  private async copy(statement: string, bytes: Buffer): Promise<number> {
    // In one message, as round trips of its own for the savepoint would slow every part down.
    const stream = copyFrom(`SAVEPOINT part; ${statement}; RELEASE SAVEPOINT part`);
    await pipeline([bytes], this.client.query(stream), { signal: this.signal });
    return stream.rowCount;
  }
}
