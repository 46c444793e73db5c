import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PermanentFailure } from '../../src/job/job-errors.ts';
import { CsvImport, type CsvImportResult } from '../../src/service/handlers/csv-import.ts';
import { type RecordingJobContext, recordingJobContext } from './job-context.ts';
import { createTestDatabase } from './services.ts';

export type Row = Record<string, string>;

interface Imported {
  result: CsvImportResult;
  job: RecordingJobContext;
  table: string;
  rows: Row[];
}

/** A `csv.import` handler on a database and an import folder of its own. */
export class CsvImportFixture {
  readonly folder: string;
  readonly database: Awaited<ReturnType<typeof createTestDatabase>>;
  readonly handler: CsvImport;
  private tables = 0;

  private constructor(folder: string, database: CsvImportFixture['database']) {
    this.folder = folder;
    this.database = database;
    this.handler = new CsvImport(database.dataSource, folder);
  }

  static async create(): Promise<CsvImportFixture> {
    const folder = await mkdtemp(path.join(tmpdir(), 'csv-import-'));
    return new CsvImportFixture(folder, await createTestDatabase());
  }

  async close(): Promise<void> {
    await this.database.drop();
    await rm(this.folder, { recursive: true, force: true });
  }

  query(sql: string, parameters?: unknown[]): Promise<Row[]> {
    return this.database.dataSource.query(sql, parameters);
  }

  /** In the order in which they were written. */
  rowsOf(table: string): Promise<Row[]> {
    return this.query(`SELECT * FROM imports.${table} ORDER BY ctid`);
  }

  async tableExists(table: string): Promise<boolean> {
    const [row] = await this.query('SELECT to_regclass($1)::text AS name', [`imports.${table}`]);
    return row?.name != null;
  }

  write(file: string, content: string | Buffer): Promise<void> {
    return writeFile(path.join(this.folder, file), content);
  }

  newTable(): string {
    return `t${++this.tables}`;
  }

  /** Imports a file of this content, by default into a table of its own. */
  async importText(
    content: string | Buffer,
    job = recordingJobContext(),
    table = this.newTable(),
  ): Promise<Imported> {
    await this.write(`${table}.csv`, content);
    const result = await this.handler.run({ file: `${table}.csv`, table }, job);
    return { result, job, table, rows: await this.rowsOf(table) };
  }

  /** The code and the message of the `PermanentFailure` that an import must end with. */
  async failureOf(file: string, table = 'refused'): Promise<{ code: string; message: string }> {
    const run = this.handler.run({ file, table }, recordingJobContext());
    const error: unknown = await run.catch((thrown: unknown) => thrown);
    if (!(error instanceof PermanentFailure)) {
      throw new Error(`expected a PermanentFailure, got ${JSON.stringify(error)} ${String(error)}`);
    }
    if (error.message.includes(this.folder)) throw new Error(`the message tells a path: ${error.message}`);
    return { code: error.code, message: error.message };
  }
}

export function warningsOf(job: RecordingJobContext): string[] {
  return job.lines.filter(({ level }) => level === 'warn').map(({ text }) => text);
}

/** A CSV file of this many rows. */
export function manyRows(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => `${i},${'x'.repeat(60)}`);
  return `id,text\n${lines.join('\n')}\n`;
}
