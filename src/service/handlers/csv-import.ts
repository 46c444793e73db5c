import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { ClientBase } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { z } from 'zod';
import { type JobContext, JobHandler } from '../../index.ts';
import { CopyParts } from './copy-parts.ts';
import { type CsvDialect, readDialect } from './csv-dialect.ts';
import { CsvLoad } from './csv-load.ts';
import { type ImportFile, openImportFile } from './import-file.ts';
import { columnNames, ensureImportSchema, prepareTable } from './import-table.ts';

/** Nest token of the only folder that `csv.import` reads: a path. */
export const IMPORT_DIR = Symbol('IMPORT_DIR');

/** How many bad rows are reported one by one. */
const MAX_REPORTED = 100;

export const CsvImportPayload = z.strictObject({
  /** A name inside the import folder. */
  file: z.string().min(1).max(1_024),
  /** The table to fill, in the schema `imports`. */
  table: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/),
});
export type CsvImportPayload = z.infer<typeof CsvImportPayload>;

export interface CsvImportResult {
  rows: number;
  rejected: number;
  /** Bytes of the file that were read. */
  bytes: number;
  /** How long it took, in milliseconds. */
  ms: number;
}

/**
 * Replaces the rows of a table by those of a CSV file, in one transaction: a second attempt gives the same rows,
 * and a failed one leaves what was there. Bad rows are left out, counted, and the first 100 logged.
 */
@Injectable()
export class CsvImport {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(IMPORT_DIR) private readonly importDir: string,
  ) {}

  @JobHandler('csv.import', { schema: CsvImportPayload, queue: 'imports' })
  async run({ file, table }: CsvImportPayload, job: JobContext): Promise<CsvImportResult> {
    const started = performance.now();
    const source = await openImportFile(this.importDir, file);
    try {
      job.signal.throwIfAborted();
      const dialect = await readDialect(source.handle);
      await ensureImportSchema(this.dataSource);
      const { rows, rejected, bytes } = await this.dataSource.transaction((manager) =>
        load(manager, source, dialect, table, job),
      );
      return { rows, rejected, bytes, ms: Math.round(performance.now() - started) };
    } catch (error) {
      // Whatever broke because of the abort, the abort is why.
      job.signal.throwIfAborted();
      throw error;
    } finally {
      await source.handle.close();
    }
  }
}

async function load(
  manager: EntityManager,
  source: ImportFile,
  dialect: CsvDialect,
  table: string,
  job: JobContext,
): Promise<CsvLoad> {
  const target = { table, columns: columnNames(dialect.names) };
  await prepareTable(manager, target, job.signal);

  const copy = new CopyParts(await clientOf(manager), target, job.signal);
  const csv: CsvLoad = new CsvLoad(source.handle, {
    dialect,
    copy,
    onBadRow: (line, problem) => {
      if (csv.rejected <= MAX_REPORTED) job.log.warn(`line ${line}: ${problem}`);
    },
    onProgress: (bytes) => report(job, csv, bytes, source.size),
  });
  await csv.run();
  job.signal.throwIfAborted();
  summarise(job, csv);
  return csv;
}

/** The `pg` client that the transaction runs on. */
async function clientOf(manager: EntityManager): Promise<ClientBase> {
  if (!manager.queryRunner) throw new Error('The transaction has no connection of its own.');
  return (await manager.queryRunner.connect()) as ClientBase;
}

function report(job: JobContext, { rows, rejected }: CsvLoad, bytes: number, size: number): void {
  job.progress({
    done: bytes,
    // A file that still grows is read to its end.
    total: Math.max(size, bytes),
    unit: 'bytes',
    step: 'loading',
    message: `${rows.toLocaleString('en-US')} rows`,
    data: { rows, rejected },
  });
}

function summarise(job: JobContext, { rows, rejected }: CsvLoad): void {
  if (rejected > MAX_REPORTED) job.log.warn(`and ${rejected - MAX_REPORTED} more bad rows`);
  job.log.info(`${rows.toLocaleString('en-US')} rows loaded, ${rejected.toLocaleString('en-US')} rejected`);
}
