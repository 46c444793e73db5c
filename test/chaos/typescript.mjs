// A module hook that translates TypeScript with the same compiler as the tests.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

const options = {
  sourceMaps: 'inline',
  jsc: { target: 'es2022', keepClassNames: true, parser: { syntax: 'typescript', decorators: true } },
  module: { type: 'es6' },
};

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
  const filename = fileURLToPath(url);
  const { code } = await transform(await readFile(filename, 'utf8'), { ...options, filename });
  return { format: 'module', source: code, shortCircuit: true };
}
