import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CsvImport, CsvImportPayload } from '../../src/service/handlers/csv-import.ts';
import { CsvImportFixture } from '../support/csv-import-fixture.ts';
import { recordingJobContext } from '../support/job-context.ts';

let fixture: CsvImportFixture;

beforeAll(async () => {
  fixture = await CsvImportFixture.create();
});

afterAll(() => fixture.close());

describe('csv.import refuses', () => {
  let outside: string;

  beforeAll(async () => {
    outside = await mkdtemp(path.join(tmpdir(), 'csv-outside-'));
    await writeFile(path.join(outside, 'secret.csv'), 'a\n1\n');
    await mkdir(path.join(fixture.folder, 'sub'));
    await writeFile(path.join(fixture.folder, 'sub', 'inner.csv'), 'a\n1\n');
    await symlink(path.join(outside, 'secret.csv'), path.join(fixture.folder, 'link.csv'));
    await symlink(outside, path.join(fixture.folder, 'linked'));
    await symlink(path.join(fixture.folder, 'sub', 'inner.csv'), path.join(fixture.folder, 'friendly.csv'));
    await symlink('loop.csv', path.join(fixture.folder, 'loop.csv'));
    execFileSync('mkfifo', [path.join(fixture.folder, 'pipe.csv')]);
  });

  afterAll(() => rm(outside, { recursive: true, force: true }));

  it.each([
    ['a parent folder', '../x.csv'],
    ['a parent folder on the way', 'sub/../../x.csv'],
    ['a way out and in again', `../csv-import/x.csv`],
    ['a parent folder in Windows style', '..\\x.csv'],
    ['an absolute path', '/etc/passwd'],
    ['a NUL', 'small.csv\0.txt'],
    ['a folder', 'sub'],
    ['the import folder itself', '.'],
    ['a fifo', 'pipe.csv'],
    ['a link that leads out', 'link.csv'],
    ['a file behind a linked folder that leads out', 'linked/secret.csv'],
    ['a missing file behind a linked folder that leads out', 'linked/nothing/here.csv'],
    ['a link to itself', 'loop.csv'],
    ['too long a name', 'x'.repeat(1_000)],
  ])('%s', async (_what, file) => {
    expect(await fixture.failureOf(file)).toMatchObject({ code: 'file_not_allowed' });
  });

  it.each(['missing.csv', 'sub/missing.csv', 'no/such/folder.csv', 'sub/inner.csv/x.csv'])(
    '%s, which does not exist',
    async (file) => {
      expect(await fixture.failureOf(file)).toMatchObject({ code: 'file_not_found' });
    },
  );

  it('every file when the import folder is missing', async () => {
    const lost = new CsvImport(fixture.database.dataSource, path.join(fixture.folder, 'lost'));
    const error: unknown = await lost
      .run({ file: 'a.csv', table: 'x' }, recordingJobContext())
      .catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'file_not_found',
      message: expect.not.stringContaining(fixture.folder),
    });
  });

  it('nothing in a folder below, or behind a link that stays inside', async () => {
    expect(
      await fixture.handler.run({ file: 'sub/inner.csv', table: 'inner' }, recordingJobContext()),
    ).toMatchObject({ rows: 1 });
    expect(
      await fixture.handler.run({ file: 'friendly.csv', table: 'inner' }, recordingJobContext()),
    ).toMatchObject({
      rows: 1,
    });
  });

  it('nothing when the import folder itself is a link', async () => {
    const link = path.join(outside, 'imports');
    await symlink(await realpath(fixture.folder), link);
    const linked = new CsvImport(fixture.database.dataSource, link);
    expect(await linked.run({ file: 'sub/inner.csv', table: 'inner' }, recordingJobContext())).toMatchObject({
      rows: 1,
    });
  });

  it.each(['Users', 'a-b', '1a', 'a.b', '', 'x'.repeat(64), 'a"; --', 'tablé'])(
    'the table name %j',
    (table) => {
      expect(CsvImportPayload.safeParse({ file: 'a.csv', table }).success).toBe(false);
    },
  );

  it('an unknown key of the payload', () => {
    expect(CsvImportPayload.safeParse({ file: 'a.csv', table: 'a', delimiter: ';' }).success).toBe(false);
    expect(CsvImportPayload.safeParse({ file: 'a.csv', table: '_a9' }).success).toBe(true);
  });
});
