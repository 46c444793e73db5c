import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CsvImportFixture, warningsOf } from '../support/csv-import-fixture.ts';

let fixture: CsvImportFixture;

beforeAll(async () => {
  fixture = await CsvImportFixture.create();
});

afterAll(() => fixture.close());

describe('csv.import reads', () => {
  it('quoted fields with commas, doubled quotes and line breaks', async () => {
    const { rows } = await fixture.importText(
      'id,text\n1,"a,b"\n2,"say ""hi"""\n3,"two\nlines"\n4,"dos\r\nlines"\n5,""\n6,\n',
    );
    expect(rows.map((row) => row.text)).toEqual(['a,b', 'say "hi"', 'two\nlines', 'dos\r\nlines', '', '']);
  });

  it('what COPY would otherwise take for its own: backslashes, tabs, \\N and \\.', async () => {
    const { rows } = await fixture.importText('a,b\n\\N,\\.\nC:\\new\\table,"x\ty"\n"\\.\n\\.",\\\\\n');
    expect(rows).toEqual([
      { a: '\\N', b: '\\.' },
      { a: 'C:\\new\\table', b: 'x\ty' },
      { a: '\\.\n\\.', b: '\\\\' },
    ]);
  });

  it('a lone end-of-data mark in a table of one column', async () => {
    const { rows } = await fixture.importText('a\nbefore\n\\.\nafter\n');
    expect(rows).toEqual([{ a: 'before' }, { a: '\\.' }, { a: 'after' }]);
  });

  it.each([
    ['LF', 'a,b\n1,2\n3,4\n'],
    ['CRLF', 'a,b\r\n1,2\r\n3,4\r\n'],
    ['CR', 'a,b\r1,2\r3,4\r'],
    ['mixed line ends', 'a,b\r\n1,2\n3,4\r\n'],
    ['no newline at the end', 'a,b\n1,2\n3,4'],
    ['no newline after a closing quote', 'a,b\n1,2\n3,"4"'],
    ['a byte order mark', '\uFEFFa,b\n1,2\n3,4\n'],
    ['a byte order mark and a quoted header', '\uFEFF"a","b"\n1,2\n3,4\n'],
    ['blank lines', '\n\na,b\n\n1,2\r\n\r\n3,4\n\n\n'],
  ])('a file with %s', async (_what, content) => {
    const { rows, result } = await fixture.importText(content);
    expect(rows).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ]);
    expect(result).toMatchObject({ rows: 2, rejected: 0, bytes: Buffer.byteLength(content) });
  });

  it('text of any language, cut anywhere by the reads', async () => {
    const text = 'naïve “日本語” 🦜'.repeat(3);
    const { rows, result } = await fixture.importText(`id,text\n${`7,${text}\n`.repeat(20_000)}`);
    expect(result).toMatchObject({ rows: 20_000, rejected: 0 });
    expect(new Set(rows.map((row) => row.text))).toEqual(new Set([text]));
  });

  it('a file with a header only as a table without rows', async () => {
    const { rows, result, table } = await fixture.importText('a,b');
    expect(rows).toEqual([]);
    expect(result).toMatchObject({ rows: 0, rejected: 0, bytes: 3 });
    expect(await fixture.tableExists(table)).toBe(true);
  });

  it.each([
    ['an empty file', ''],
    ['a byte order mark only', '\uFEFF'],
    ['blank lines only', '\n\r\n\n'],
  ])('no header from %s, and says so for good', async (_what, content) => {
    await fixture.write('empty.csv', content);
    expect(await fixture.failureOf('empty.csv')).toMatchObject({ code: 'empty_file' });
  });

  it.each([
    ['broken quotes', 'a,"b\n1,2\n'],
    ['a NUL', 'a,b\0\n1,2\n'],
    ['a line of more than 1 MiB', 'x'.repeat(1_048_577)],
  ])('no header with %s, and says so for good', async (_what, content) => {
    await fixture.write('header.csv', content);
    expect(await fixture.failureOf('header.csv')).toMatchObject({ code: 'bad_header' });
  });
});

describe('csv.import names columns', () => {
  const namesOf = async (header: string) => {
    const { table } = await fixture.importText(`${header}\n`);
    const sql = `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`;
    return (await fixture.query(sql, [`imports.${table}`])).map(({ name }) => name);
  };

  it('after the header, in lower case with words joined by underscores', async () => {
    expect(await namesOf('Airport Name,Cost: Total $,"two\nlines",Größe,select')).toEqual([
      'airport_name',
      'cost_total',
      'two_lines',
      'größe',
      'select',
    ]);
  });

  it('so that no name is empty or comes twice', async () => {
    expect(await namesOf('a,,A,a_2,"", ! ')).toEqual([
      'a',
      'column_2',
      'a_2',
      'a_2_2',
      'column_5',
      'column_6',
    ]);
  });

  it('clear of quotes, leading digits and the system columns of Postgres', async () => {
    expect(await namesOf('"a""; DROP TABLE x; --",2020,xmin,ctid')).toEqual([
      'a_drop_table_x',
      '_2020',
      'xmin_2',
      'ctid_2',
    ]);
  });

  it('within 63 bytes, never cutting a character', async () => {
    const names = await namesOf(`${'é'.repeat(40)},${'é'.repeat(50)},${'x'.repeat(99)}`);
    expect(names).toEqual(['é'.repeat(31), `${'é'.repeat(30)}_2`, 'x'.repeat(63)]);
  });

  it('at once, however long a name is', async () => {
    expect(await namesOf(`a,${'x'.repeat(1_000_000)}`)).toEqual(['a', 'x'.repeat(63)]);
  });

  it('up to the 1,600 that Postgres allows', async () => {
    expect(await namesOf(Array.from({ length: 1_600 }, () => 'n').join(','))).toHaveLength(1_600);
    await fixture.write('wide.csv', ','.repeat(1_600));
    expect(await fixture.failureOf('wide.csv')).toMatchObject({ code: 'too_many_columns' });
  });
});

describe('csv.import leaves out bad rows', () => {
  const good = [
    { a: '1', b: 'x' },
    { a: '9', b: 'y' },
  ];

  it.each<[string, string | Buffer, string]>([
    ['too few fields', '2', '1 field instead of 2'],
    ['too many fields', '2,x,y', '3 fields instead of 2'],
    ['a quote that is never closed', '2,"open', 'unclosed quote'],
    ['text behind a closing quote', '2,"x"y', 'text after a closing quote'],
    ['a quote inside an unquoted field', '2,x"y"', 'quote in an unquoted field'],
    ['a NUL byte', '2,x\0y', 'a NUL byte, which Postgres cannot store'],
    ['a NUL byte in quotes', '2,"x\0y"', 'a NUL byte, which Postgres cannot store'],
    ['invalid UTF-8', Buffer.from([0x32, 0x2c, 0xc3, 0x28]), 'not valid UTF-8'],
    ['a UTF-8 surrogate', Buffer.from([0x32, 0x2c, 0xed, 0xa0, 0x80]), 'not valid UTF-8'],
  ])('with %s, and keeps the rows around them', async (_what, bad, problem) => {
    const content = Buffer.concat([Buffer.from('a,b\n1,x\n'), Buffer.from(bad), Buffer.from('\n9,y\n')]);
    const { rows, result, job } = await fixture.importText(content);
    expect(rows).toEqual(good);
    expect(result).toMatchObject({ rows: 2, rejected: 1, bytes: content.length });
    expect(warningsOf(job)).toEqual([`line 3: ${problem}`]);
  });

  it('with an unclosed quote at the cost of one line, though a later line has quotes of its own', async () => {
    const { rows, job } = await fixture.importText('a,b\n1,x\n2,"open\n3,p\n4,"q"\n9,y\n');
    expect(rows.map((row) => row.a)).toEqual(['1', '3', '4', '9']);
    expect(warningsOf(job)).toEqual(['line 3: text after a closing quote']);
  });

  it('with an unclosed quote at the cost of one line in a file of several megabytes', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => `${i},${'x'.repeat(50)}`);
    lines[100] = '100,"open';
    lines[59_000] = '59000,"open';
    const { result, job } = await fixture.importText(`a,b\n${lines.join('\n')}`);
    expect(result).toMatchObject({ rows: 59_998, rejected: 2 });
    expect(warningsOf(job)).toEqual([
      'line 102: longer than 1048576 bytes, or a quote is not closed',
      'line 59002: unclosed quote',
    ]);
  });

  it('with more than 1 MiB, in one line or in many', async () => {
    const long = 'x'.repeat(3_000_000);
    const { rows, job } = await fixture.importText(`a,b\r\n1,x\r\n2,${long}\r\n3,"${long}\r\n"\r\n9,y\r\n`);
    expect(rows).toEqual(good);
    expect(warningsOf(job)).toEqual([
      'line 3: longer than 1048576 bytes',
      'line 4: longer than 1048576 bytes',
      'line 5: unclosed quote',
    ]);
  });

  it('and keeps a record of 1 MiB', async () => {
    const text = 'x'.repeat(1_048_576 - 3);
    const { rows } = await fixture.importText(`a,b\n1,${text}\n9,y\n`);
    expect(rows[0]?.b).toHaveLength(text.length);
  });

  it('and names the line where each starts, whatever line breaks the fields before it hold', async () => {
    const { job } = await fixture.importText(
      'a,b\r\n1,"x\r\ny\nz"\r\n\r\nbad\r\n"p\rq",2\r\nbad\n"3\n4"\nbad',
    );
    expect(warningsOf(job)).toEqual([
      'line 6: 1 field instead of 2',
      'line 9: 1 field instead of 2',
      'line 10: 1 field instead of 2',
      'line 12: 1 field instead of 2',
    ]);
  });

  it('and reports the first hundred only, but counts all', async () => {
    const { result, job } = await fixture.importText(`a,b\n${'bad\n'.repeat(250)}1,2\n`);
    expect(result).toMatchObject({ rows: 1, rejected: 250 });
    expect(warningsOf(job)).toHaveLength(101);
    expect(warningsOf(job)[99]).toBe('line 101: 1 field instead of 2');
    expect(warningsOf(job)[100]).toBe('and 150 more bad rows');
  });
});
