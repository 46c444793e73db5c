// What is built, and whether it is what the sources say. Plain JavaScript, as it runs before anything is built.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { requirePackages, ROOT } from './checkout.mjs';

const SOURCES = [
  'src',
  'migrations',
  'packages/dev-servers/src',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
];
/** Names the sources of a build; one without it was not made by `npm run build`. */
const STAMP = '.built-from';

/**
 * `current`, `stale` (the sources have changed since) or `missing`. By content, as the times of files say nothing after
 * a checkout or a copy. A deployment without sources, such as the image, has what it was given.
 *
 * @returns {'current' | 'stale' | 'missing'}
 */
export function stateOf(dist = join(ROOT, 'dist')) {
  if (!existsSync(join(dist, 'src/main.js'))) return 'missing';
  const deployed = !existsSync(join(ROOT, 'src'));
  return deployed || stampOf(dist) === fingerprint() ? 'current' : 'stale';
}

function stampOf(dist) {
  const file = join(dist, STAMP);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

/** Marks a build as that of these sources. */
export function stamp(dist, sources) {
  writeFileSync(join(dist, STAMP), sources);
}

export function fingerprint() {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap((path) => filesIn(join(ROOT, path)))) {
    hash
      .update(`${relative(ROOT, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesIn(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .toSorted()
    .flatMap((name) => filesIn(join(path, name)));
}

/**
 * Sees to a build of the sources, for what runs it: builds where nothing is built, and ends the process where `dist` is of
 * other sources, as services may run from it. With `beside`, that gets a build in `dist.test` instead.
 *
 * @returns {string} the folder of the build, below the project's
 */
export function ensureBuilt({ beside = false } = {}) {
  requirePackages();
  const state = stateOf();
  if (state === 'current') return 'dist';
  if (state === 'stale' && !beside) {
    process.stderr.write('What is built is older than the sources. Run `npm run build` first.\n');
    process.exit(1);
  }
  const folder = state === 'stale' ? 'dist.test' : 'dist';
  if (state === 'stale' && stateOf(join(ROOT, folder)) === 'current') return folder;
  const build = [join(import.meta.dirname, 'build.mjs'), '--out', folder];
  const { status } = spawnSync(process.execPath, build, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  return folder;
}
