import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { resolveOptions } from '../../src/jobs.options.ts';
import { blocksOf, documents, readDocument } from '../support/documents.ts';
import { typeErrors } from '../support/type-check.ts';

const MAX_LINE = 140;
/** What `nest new` installs. */
const OF_A_NEW_PROJECT = ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'];

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
/** Written by a command: declarations that are no samples. */
const GENERATED = ['docs/api.md'];
const withSamples = documents().filter(
  (path) => !GENERATED.includes(path) && blocksOf(path, 'ts').length > 0,
);

describe('The samples', () => {
  it.each(withSamples)(
    'of %s compile as they stand',
    (path) => {
      expect(typeErrors(blocksOf(path, 'ts'))).toEqual([]);
    },
    60_000,
  );

  it('are told from code that does not compile', () => {
    const code =
      "import { JobHandler } from 'nestjs-jobstream';\nexport const type: number = JobHandler.name;\n";

    expect(typeErrors([{ file: 'wrong.ts', code }])).toEqual([
      "wrong.ts:2 Type 'string' is not assignable to type 'number'.",
    ]);
  }, 60_000);

  it('of the README import nothing that its install commands leave out', () => {
    const commands = blocksOf('README.md', 'sh').map(({ code }) => code);
    const installed = commands.flatMap((code) => [...code.matchAll(/npm install (.*?)(?:#|$)/gm)]);
    const names = installed
      .flatMap(([, list = '']) => list.split(' '))
      .filter((name) => /^[@a-z]/.test(name));

    const imported = blocksOf('README.md', 'ts').flatMap(({ code }) =>
      [...code.matchAll(/ from '((?:@[^/']+\/)?[^/'.]+)/g)].map(([, name = '']) => name),
    );

    const known = new Set([...names, ...OF_A_NEW_PROJECT]);
    expect(imported.filter((name) => !name.startsWith('node:') && !known.has(name))).toEqual([]);
  });
});

describe.each(documents())('%s', (path) => {
  const text = readDocument(path);
  const blocks = blocksOf(path);
  const inBlocks = new Set(blocks.flatMap(({ line, code }) => code.split('\n').map((_, i) => line + i)));

  it(`has no line beyond ${MAX_LINE} characters but in tables and blocks of code`, () => {
    const long = text
      .split('\n')
      .map((line, index) => ({ line, number: index + 1 }))
      .filter(({ line, number }) => line.length > MAX_LINE && !/^\s*\|/.test(line) && !inBlocks.has(number));

    expect(long.map(({ number }) => `${path}:${number}`)).toEqual([]);
  });

  it('links only to files that are there', () => {
    const targets = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)|(?:src|srcset)="([^"]+)"/g)]
      .map(([, link, picture]) => link ?? picture ?? '')
      .filter((target) => !/^\w+:/.test(target));

    expect(targets.filter((target) => !existsSync(normalize(join(dirname(path), target))))).toEqual([]);
  });

  it('names only commands of npm that are there', () => {
    const named = [...text.matchAll(/npm (?:run (?:-s )?([\w:-]+)|(start|test)\b)/g)];

    const names = named.map(([, script, short]) => script ?? short ?? '');
    expect(names.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });
});

it('docs/configuration.md names every option of the module', () => {
  const jwt = { secret: 'x'.repeat(32), issuer: 'i', audience: 'a' };
  const options = resolveOptions({ redis: 'redis://127.0.0.1', jwt });
  const names = Object.entries(options).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.keys(value).map((key) => `${name}.${key}`)
      : name,
  );
  const text = readDocument('docs/configuration.md');

  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});
