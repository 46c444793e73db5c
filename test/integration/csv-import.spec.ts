import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { PermanentFailure } from '../../src/job/job-errors.ts';
import { CsvImport } from '../../src/service/handlers/csv-import.ts';
import { ensureSampleData } from '../../src/service/handlers/sample-data.ts';
import { CsvImportFixture, manyRows, type Row } from '../support/csv-import-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { recordingJobContext } from '../support/job-context.ts';
import { createTestDatabase } from '../support/services.ts';

let fixture: CsvImportFixture;

beforeAll(async () => {
  fixture = await CsvImportFixture.create();
});

afterAll(() => fixture.close());

describe('csv.import writes', () => {
  it('all columns as text into the schema imports', async () => {
    const { table } = await fixture.importText('a,b\n1,2\n');
    const types = await fixture.query(
      `SELECT DISTINCT data_type AS type FROM information_schema.columns WHERE table_schema = 'imports' AND table_name = $1`,
      [table],
    );
    expect(types).toEqual([{ type: 'text' }]);
  });

  it('the same rows again on a second attempt', async () => {
    const first = await fixture.importText('a,b\n1,2\n3,4\n');
    const second = await fixture.importText(
      'a,b\n1,2\n3,4\n',
      recordingJobContext({ attempt: 2 }),
      first.table,
    );
    expect(second.rows).toEqual(first.rows);
  });

  it('nothing into a table with other columns, and says so for good', async () => {
    const { table } = await fixture.importText('a,b\n1,2\n');
    await fixture.write('other.csv', 'a,c\n5,6\n');
    const failure = await fixture.failureOf('other.csv', table);
    expect(failure.code).toBe('table_mismatch');
    expect(failure.message).toContain('it has a, b, the file has a, c');
    expect(await fixture.rowsOf(table)).toEqual([{ a: '1', b: '2' }]);
  });

  it('nothing into a column of another type, or into a view', async () => {
    await fixture.importText('a\n1\n');
    await fixture.query('CREATE TABLE imports.typed (a integer)');
    await fixture.query('CREATE VIEW imports.viewed AS SELECT 1::text AS a');
    await fixture.write('a.csv', 'a\n1\n');
    expect((await fixture.failureOf('a.csv', 'typed')).message).toContain('it has a (integer)');
    expect((await fixture.failureOf('a.csv', 'viewed')).message).toContain('it has (not a table)');
  });

  it('a fresh database from several imports at once', async () => {
    const fresh = await createTestDatabase();
    try {
      const own = new CsvImport(fresh.dataSource, fixture.folder);
      await fixture.write('race.csv', 'a\n1\n2\n');
      const tables = ['one', 'two', 'same', 'same', 'same', 'three'];
      const runs = tables.map((table) => own.run({ file: 'race.csv', table }, recordingJobContext()));
      expect((await Promise.all(runs)).map(({ rows }) => rows)).toEqual([2, 2, 2, 2, 2, 2]);
      expect(await fresh.dataSource.query('SELECT a FROM imports.same ORDER BY a')).toEqual([
        { a: '1' },
        { a: '2' },
      ]);
    } finally {
      await fresh.drop();
    }
  });

  it('although another session creates the schema in the same moment', async () => {
    const fresh = await createTestDatabase();
    const other = fresh.dataSource.createQueryRunner();
    const waiting = async () => {
      const sql = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      const rows = await fresh.dataSource.query<unknown[]>(sql);
      return rows.length > 0;
    };
    try {
      await fixture.write('race.csv', 'a\n1\n');
      await other.startTransaction();
      await other.query('CREATE SCHEMA imports');
      const run = new CsvImport(fresh.dataSource, fixture.folder).run(
        { file: 'race.csv', table: 'raced' },
        recordingJobContext(),
      );
      await eventually(async () => expect(await waiting()).toBe(true));
      await other.commitTransaction();
      expect(await run).toMatchObject({ rows: 1 });
    } finally {
      await other.release();
      await fresh.drop();
    }
  });

  it('an ordinary error when the database fails, so that the job is tried again', async () => {
    const killed = recordingJobContext({
      onProgress: ({ done }, job) => {
        if (done && job.updates.length === 3) void killCopies();
      },
    });
    const killCopies = () =>
      fixture.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%COPY %FROM STDIN%' AND pid <> pg_backend_pid()`,
      );
    const table = fixture.newTable();
    await fixture.write('killed.csv', manyRows(400_000));

    const error: unknown = await fixture.handler
      .run({ file: 'killed.csv', table }, killed)
      .catch((e: unknown) => e);

    expect(error).toMatchObject({ message: expect.any(String) });
    expect(error).not.toBeInstanceOf(PermanentFailure);
    expect(await fixture.tableExists(table)).toBe(false);
    expect((await fixture.importText('a\n1\n')).rows).toEqual([{ a: '1' }]);
  });

  it('airports.csv of vega-datasets to the last row', async () => {
    expect(await ensureSampleData(fixture.folder)).toEqual([
      'airports.csv',
      'birdstrikes.csv',
      'zipcodes.csv',
    ]);
    const file = path.join(fixture.folder, 'airports.csv');

    const result = await fixture.handler.run(
      { file: 'airports.csv', table: 'airports' },
      recordingJobContext(),
    );

    const parsed: Row[] = parse(readFileSync(file), { columns: true, bom: true });
    expect(parsed).toHaveLength(3376);
    expect(result).toMatchObject({ rows: 3376, rejected: 0, bytes: readFileSync(file).length });
    expect(await fixture.rowsOf('airports')).toEqual(parsed);
  });

  it.each(['birdstrikes.csv', 'zipcodes.csv'])('%s of vega-datasets to the last field', async (name) => {
    await ensureSampleData(fixture.folder);
    const [header, ...parsed]: string[][] = parse(readFileSync(path.join(fixture.folder, name)), {
      bom: true,
    });
    const table = path.basename(name, '.csv');

    const result = await fixture.handler.run({ file: name, table }, recordingJobContext());

    expect(result).toMatchObject({ rows: parsed.length, rejected: 0 });
    const stored = await fixture.query(`SELECT * FROM imports.${table} ORDER BY ctid`);
    expect(Object.keys(stored[0] ?? {})).toHaveLength(header?.length ?? 0);
    expect(stored.map((row) => Object.values(row))).toEqual(parsed);
  });
});

describe('csv.import reports', () => {
  it('bytes and rows that only grow and end at the whole file', async () => {
    const content = `${manyRows(20_000)}bad\n`;
    const { job, result } = await fixture.importText(content);
    const done = job.updates.map((update) => update.done ?? -1);

    expect(done.length).toBeGreaterThan(4);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(job.updates.at(-1)).toEqual({
      done: content.length,
      total: content.length,
      unit: 'bytes',
      step: 'loading',
      message: '20,000 rows',
      data: { rows: 20_000, rejected: 1 },
    });
    expect(result.bytes).toBe(content.length);
    expect(result.ms).toBeGreaterThan(0);
  });
});

describe('csv.import stops', () => {
  const reason = new Error('cancelled by somebody');

  const openTransactions = () =>
    fixture.query(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`,
    );

  it('mid-way with the reason of the abort, leaving neither rows nor a transaction', async () => {
    const table = fixture.newTable();
    const job = recordingJobContext({
      onProgress: (_update, self) => self.updates.length === 5 && self.abort(reason),
    });
    await fixture.write('big.csv', manyRows(400_000));

    await expect(fixture.handler.run({ file: 'big.csv', table }, job)).rejects.toBe(reason);

    expect(await openTransactions()).toEqual([]);
    expect(await fixture.tableExists(table)).toBe(false);
    expect(job.updates.length).toBeLessThan(10);
  });

  it('mid-way without touching the rows of an earlier import', async () => {
    const { table } = await fixture.importText('id,text\n1,old\n');
    const job = recordingJobContext({
      onProgress: (_update, self) => self.updates.length === 5 && self.abort(reason),
    });
    await fixture.write('big.csv', manyRows(400_000));
    await expect(fixture.handler.run({ file: 'big.csv', table }, job)).rejects.toBe(reason);
    expect(await fixture.rowsOf(table)).toEqual([{ id: '1', text: 'old' }]);
  });

  it('at the last chunk, before the commit', async () => {
    const table = fixture.newTable();
    const job = recordingJobContext({
      onProgress: ({ done, total }, self) => done === total && self.abort(reason),
    });
    await fixture.write('small.csv', manyRows(10));
    await expect(fixture.handler.run({ file: 'small.csv', table }, job)).rejects.toBe(reason);
    expect(await fixture.tableExists(table)).toBe(false);
  });

  it('in the middle of rows that are all bad', async () => {
    const job = recordingJobContext({ onProgress: (_update, self) => self.abort(reason) });
    await fixture.write('bad.csv', `a,b\n${'bad\n'.repeat(100_000)}`);
    await expect(fixture.handler.run({ file: 'bad.csv', table: 'never' }, job)).rejects.toBe(reason);
    // What of the first 256 KiB has been sent is reported, then what of it has been read again.
    expect(job.updates.length).toBeLessThan(3);
  });

  it('before it begins when the signal has aborted already', async () => {
    const job = recordingJobContext();
    job.abort(reason);
    await expect(fixture.handler.run({ file: 'small.csv', table: 'never' }, job)).rejects.toBe(reason);
    expect(job.updates).toEqual([]);
  });

  it('while it waits for another import of the same table', async () => {
    const other = fixture.database.dataSource.createQueryRunner();
    await other.startTransaction();
    await other.query(`SELECT pg_advisory_xact_lock(hashtextextended('imports.waited', 0))`);
    try {
      const job = recordingJobContext();
      await fixture.write('small.csv', manyRows(10));
      const run = fixture.handler.run({ file: 'small.csv', table: 'waited' }, job);
      setTimeout(() => job.abort(reason), 50);
      await expect(run).rejects.toBe(reason);
    } finally {
      await other.rollbackTransaction();
      await other.release();
    }
    // Postgres learns that the import has gone once it stops waiting for the lock.
    await eventually(async () => expect(await openTransactions()).toEqual([]));
  });
});

describe('the sample data', () => {
  it('is copied into a folder that does not exist yet, and left alone afterwards', async () => {
    const fresh = path.join(fixture.folder, 'new', 'data');
    expect(await ensureSampleData(fresh)).toEqual(['airports.csv', 'birdstrikes.csv', 'zipcodes.csv']);
    await writeFile(path.join(fresh, 'airports.csv'), 'mine\n');
    await Promise.all([ensureSampleData(fresh), ensureSampleData(fresh)]);
    expect(readFileSync(path.join(fresh, 'airports.csv'), 'utf8')).toBe('mine\n');
  });
});
