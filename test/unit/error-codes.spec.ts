import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** Folders whose code refuses requests. */
const ROOMS = ['access', 'http', 'job', 'stream', 'submit', 'service'];
/** A status, then its code, as errors are made; or as the service names what others refused. */
const CODE = /(?:\b[1-5]\d\d,|HttpStatus\.\w+,|\b[1-5]\d\d:|refusal\()\s*'([a-z_]+)'/g;
const FEWEST = 25;

function sourcesOf(room: string): string[] {
  const folder = join('src', room);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join(folder, name), 'utf8'));
}

const sources = ROOMS.flatMap(sourcesOf);
const codes = new Set(sources.flatMap((text) => [...text.matchAll(CODE)].map((match) => match[1] ?? '')));
const protocol = readFileSync('docs/protocol.md', 'utf8');
const errors = protocol.slice(protocol.indexOf('## 3. Errors'), protocol.indexOf('## 4.'));

describe('The codes of refusals', () => {
  it('are found in the sources', () => {
    expect(codes.size).toBeGreaterThanOrEqual(FEWEST);
  });

  it.each([...codes].toSorted())('say in docs/protocol.md what %s means', (code) => {
    expect(errors).toContain(`\`${code}\``);
  });
});
