import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CsvImportFixture, warningsOf } from '../support/csv-import-fixture.ts';

let fixture: CsvImportFixture;

beforeAll(async () => {
  fixture = await CsvImportFixture.create();
});

afterAll(() => fixture.close());

/** "name, city" of two rows, in a file that is written in a given way. */
const expected = [
  { name: 'Zoë', city: 'Köln' },
  { name: 'Ann', city: 'Rome, Italy' },
];

describe('csv.import recognises', () => {
  it.each<[string, string | Buffer]>([
    ['commas', 'name,city\nZoë,Köln\nAnn,"Rome, Italy"\n'],
    ['semicolons', 'name;city\nZoë;Köln\nAnn;Rome, Italy\n'],
    ['tabs', 'name\tcity\nZoë\tKöln\nAnn\tRome, Italy\n'],
    ['bars', 'name|city\nZoë|Köln\nAnn|Rome, Italy\n'],
    ['semicolons between quoted fields', '"name";"city"\r\n"Zoë";"Köln"\r\n"Ann";"Rome, Italy"\r\n'],
    ['the separator that a first line names', 'sep=;\nname;city\nZoë;Köln\nAnn;Rome, Italy\n'],
    ['an unusual separator that a first line names', 'sep=^\r\nname^city\r\nZoë^Köln\r\nAnn^Rome, Italy\r\n'],
    ['a quote as the separator that a first line names', "sep='\nname'city\nZoë'Köln\nAnn'Rome, Italy\n"],
    ['a tab that a first line names in quotes', '"sep=\t"\rname\tcity\rZoë\tKöln\rAnn\tRome, Italy\r'],
    ['a byte order mark before that line', '\uFEFFSEP=;\r\n\r\nname;city\r\nZoë;Köln\r\nAnn;Rome, Italy'],
    ['semicolons behind a byte order mark', '\uFEFFname;city\nZoë;Köln\nAnn;"Rome, Italy"'],
  ])('%s', async (_what, content) => {
    const { rows, result } = await fixture.importText(content);
    expect(rows).toEqual(expected);
    expect(result).toMatchObject({ rows: 2, rejected: 0, bytes: Buffer.byteLength(content) });
  });

  it('the separator by the rows, where the header holds several', async () => {
    const { rows } = await fixture.importText('item;price, EUR;notes\nx;1;a\ny;2;b, c\n');
    expect(rows).toEqual([
      { item: 'x', price_eur: '1', notes: 'a' },
      { item: 'y', price_eur: '2', notes: 'b, c' },
    ]);
  });

  it('bad rows of a file with semicolons, by their lines', async () => {
    const { rows, job } = await fixture.importText('sep=;\na;b\n1;2\n3,4\n"5\n6";7\n8;9;10\n');
    expect(rows).toEqual([
      { a: '1', b: '2' },
      { a: '5\n6', b: '7' },
    ]);
    expect(warningsOf(job)).toEqual(['line 4: 1 field instead of 2', 'line 7: 3 fields instead of 2']);
  });

  it('one column where the header holds no separator', async () => {
    const { rows } = await fixture.importText('text\na;b\n');
    expect(rows).toEqual([{ text: 'a;b' }]);
  });
});

describe('csv.import cannot read, and says how to make it readable,', () => {
  const refused = async (content: string | Buffer) => {
    await fixture.write('refused.csv', content);
    const failure = await fixture.failureOf('refused.csv');
    expect(await fixture.tableExists('refused')).toBe(false);
    return failure;
  };

  it.each<[string, Buffer]>([
    ['with a byte order mark', Buffer.from('\uFEFFname;city\nZoë;Köln\n', 'utf16le')],
    ['in the other byte order', Buffer.from('\uFEFFname;city\nZoë;Köln\n', 'utf16le').swap16()],
    ['without a byte order mark', Buffer.from('name;city\nZoë;Köln\n', 'utf16le')],
  ])('UTF-16 %s', async (_what, content) => {
    expect(await refused(content)).toEqual({
      code: 'unsupported_encoding',
      message:
        'The file is in UTF-16: save it as UTF-8, or convert it by "iconv -f UTF-16 -t UTF-8 <file> > <new file>".',
    });
  });

  it.each([
    ['a letter', 'name;city\nAnn;Rome\nZoë;Köln\n', 'see line 3'],
    ['a sign', 'item;price\nx;5 €\n', 'see line 2'],
    ['a quoted field', 'name,city\n"Müller, A.","Köln"\n', 'see line 2'],
    ['a single row of many', `name,city\n${'Ann,Rome\n'.repeat(200_000)}Zoë,Oslo\n`, 'see line 200002'],
  ])('Windows-1252, known by %s', async (_what, content, place) => {
    const failure = await refused(windows1252(content));
    expect(failure.code).toBe('unsupported_encoding');
    expect(failure.message).toBe(
      `The file is not in UTF-8, ${place}: save it as UTF-8, or convert it by "iconv -f WINDOWS-1252 -t UTF-8 <file> > <new file>".`,
    );
  });

  it('a header in Windows-1252', async () => {
    expect(await refused(windows1252('Größe;Stück\n1;2\n'))).toMatchObject({
      code: 'unsupported_encoding',
      message: expect.stringContaining('The header in line 1 is not in UTF-8: save it as UTF-8'),
    });
  });

  it.each([
    ['a header that two separators fit', 'id;name,first\n1;Smith,John\n'],
    ['a header without rows that two separators fit', 'id;name,first\n'],
    ['a first line that names a letter', 'sep=a\nxay\n'],
    ['a first line that names two characters', 'sep=||\nx||y\n'],
    ['a first line that names none', 'sep=\nx;y\n'],
  ])('%s', async (_what, content) => {
    expect(await refused(content)).toMatchObject({
      code: 'unclear_separator',
      message: expect.stringContaining('put a line such as "sep=;" before the header'),
    });
  });

  it('but leaves out a row in another encoding where other rows hold UTF-8', async () => {
    const content = Buffer.concat([
      Buffer.from('a,b\n1,Köln\n'),
      windows1252('2,Köln\n'),
      Buffer.from('3,x\n'),
    ]);
    const { rows, job } = await fixture.importText(content);
    expect(rows.map((row) => row.a)).toEqual(['1', '3']);
    expect(warningsOf(job)).toEqual(['line 3: not valid UTF-8']);
  });
});

/** Latin-1 and, of what Windows-1252 has besides, the euro sign. */
function windows1252(text: string): Buffer {
  return Buffer.from(text.replaceAll('€', '\u0080'), 'latin1');
}
