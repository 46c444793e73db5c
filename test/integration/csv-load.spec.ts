import { open } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Client } from 'pg';
import { CopyParts } from '../../src/service/handlers/copy-parts.ts';
import { readDialect } from '../../src/service/handlers/csv-dialect.ts';
import { CsvLoad } from '../../src/service/handlers/csv-load.ts';
import { CsvImportFixture } from '../support/csv-import-fixture.ts';

let fixture: CsvImportFixture;
let client: Client;

beforeAll(async () => {
  fixture = await CsvImportFixture.create();
  client = new Client({ connectionString: fixture.database.url });
  await client.connect();
  await client.query('CREATE SCHEMA imports; CREATE TABLE imports.cut (a text, b text)');
});

afterAll(async () => {
  await client.end();
  await fixture.close();
});

interface Loaded {
  rows: unknown[][];
  counts: [rows: number, rejected: number, bytes: number];
  bad: string[];
}

/** Loads a file in parts of this size. */
async function load(csv: string, partBytes: number): Promise<Loaded> {
  await fixture.write('cut.csv', csv);
  const handle = await open(path.join(fixture.folder, 'cut.csv'));
  const bad: string[] = [];
  await client.query('BEGIN; TRUNCATE imports.cut');
  try {
    const target = { table: 'cut', columns: ['a', 'b'] };
    const parts = new CsvLoad(handle, {
      dialect: await readDialect(handle),
      copy: new CopyParts(client, target, new AbortController().signal),
      onBadRow: (line, problem) => bad.push(`${line}: ${problem}`),
      onProgress: () => undefined,
      partBytes,
    });
    await parts.run();
    const { rows } = await client.query<unknown[]>({
      text: 'SELECT a, b FROM imports.cut ORDER BY ctid',
      rowMode: 'array',
    });
    return { rows, counts: [parts.rows, parts.rejected, parts.bytes], bad };
  } finally {
    await client.query('ROLLBACK');
    await handle.close();
  }
}

describe('CsvLoad', () => {
  it('comes to the same rows and the same bad lines, wherever the parts end', async () => {
    const row = fc.constantFrom(
      '1,2',
      '"x,y",z',
      '"say ""hi""",é',
      '"two\nlines",3',
      'bad',
      '',
      'a,b,c',
      '\\.',
      '\\N,"\\."',
      'x,5"',
      '"a"b,c',
    );
    const newline = fc.constantFrom('\n', '\r\n', '\r');
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 25 }),
        newline,
        fc.integer({ min: 40, max: 90 }),
        async (rows, end, part) => {
          const csv = ['a,b', ...rows].join(end);
          const whole = await load(csv, 4_096);
          expect(await load(csv, part)).toEqual(whole);
          expect(whole.counts).toEqual([whole.rows.length, whole.bad.length, Buffer.byteLength(csv)]);
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each(['\n', '\r', '\r\n'])(
    'finds the end %j of an endless line at the end of a part',
    async (newline) => {
      const line = 'x'.repeat(99);
      for (const bytes of [98, 99, 100, 101]) {
        expect(await load(`a,b\n${line.slice(0, bytes)}${newline}1,2${newline}`, 50)).toMatchObject({
          rows: [['1', '2']],
          bad: ['2: longer than 49 bytes'],
        });
      }
    },
  );

  it('goes on behind what Postgres refuses, with nothing of it twice', async () => {
    const good = Array.from({ length: 500 }, (_, i) => [`${i}`, 'x']);
    const lines = good.map((fields) => fields.join(','));
    lines.splice(250, 0, 'bad');
    const { rows, bad } = await load(['a,b', ...lines].join('\n'), 1_000);
    expect(rows).toEqual(good);
    expect(bad).toEqual(['252: 1 field instead of 2']);
  });
});
