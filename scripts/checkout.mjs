// What a folder lacks for a command that is run in it, as a sentence with the way out: packages, and the right to write.
import { accessSync, constants, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..');

export function requirePackages() {
  if (!existsSync(join(ROOT, 'node_modules'))) end('The packages are not installed. Run `npm ci` first.');
}

/** Of folders that are not there, nothing is said. */
export function requireWritable(folders) {
  for (const folder of folders.filter((path) => existsSync(path))) {
    try {
      accessSync(folder, constants.W_OK);
    } catch (error) {
      end(
        `Nothing can be built, as ${folder} cannot be written (${error.code}). Make it writable, or work in a copy of your own.`,
      );
    }
  }
}

function end(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
