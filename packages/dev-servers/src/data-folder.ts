// Several services may be started on one data folder, such as `npm start` and `npm run demo`. The first owns the
// folder, the next one gets `<folder>/2`, and so on. A lock file in each folder names the process that owns it.
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startOf } from './process-table.ts';

export interface DataFolder {
  path: string;
  release(): void;
}

interface Owner {
  pid: number;
  started: string | null;
  /** True for a command that ends soon, false for a service. */
  command: boolean;
}

const MAX_OWNERS = 32;
const UNWRITABLE = ['EACCES', 'EPERM', 'EROFS'];

/** Claims the data folder, or the first of its sub-folders that no living process owns. */
export function claimDataFolder(dataDir: string): Promise<DataFolder> {
  const base = resolve(dataDir);
  return explained(base, () => claimFirstFree(base));
}

/** Claims the data folder for a command, waiting for other commands. Null when a service owns it. */
export function claimForCommand(dataDir: string): Promise<DataFolder | null> {
  const base = resolve(dataDir);
  return explained(base, async () => {
    makeFolder(base);
    const lock = join(base, 'lock');
    while (!(await claim(lock, true))) {
      const owner = readOwner(lock);
      if (owner && !owner.command) return null;
      await delay(50);
    }
    return folderOf(base, lock);
  });
}

async function explained<T>(base: string, claiming: () => Promise<T>): Promise<T> {
  try {
    return await claiming();
  } catch (cause) {
    const code = UNWRITABLE.find((each) => hasCode(cause, each));
    if (!code) throw cause;
    const wayOut = existsSync(base)
      ? 'Perhaps a run as root made it: remove it'
      : 'Work in a copy of your own';
    throw new Error(
      `The data folder ${base} cannot be written (${code}). ${wayOut}, or set DATABASE_URL and REDIS_URL.`,
      { cause },
    );
  }
}

async function claimFirstFree(base: string): Promise<DataFolder> {
  for (let number = 1; number <= MAX_OWNERS; number += 1) {
    const path = number === 1 ? base : join(base, String(number));
    makeFolder(path);
    const lock = join(path, 'lock');
    if (await claim(lock, false)) return folderOf(path, lock);
  }
  throw new Error(`${MAX_OWNERS} services already run on ${base}. Stop one, or choose another data folder.`);
}

function folderOf(path: string, lock: string): DataFolder {
  return { path, release: () => rmSync(lock, { force: true }) };
}

/**
 * Creates a folder that may be removed with all its content at the end.
 *
 * @throws Error when the folder exists, because it may hold data that has to be kept.
 */
export function createThrowAwayFolder(path: string): DataFolder {
  const folder = resolve(path);
  if (existsSync(folder)) {
    throw new Error(`${folder} already exists. Temporary data needs a folder that does not exist yet.`);
  }
  makeFolder(folder);
  return { path: folder, release: () => undefined };
}

/**
 * Creates a private folder. As root, it lets other accounts pass through, so that the servers' account can reach its
 * files.
 */
function makeFolder(path: string): void {
  const created = mkdirSync(path, { recursive: true });
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  if (created !== undefined) chmodSync(path, process.getuid?.() === 0 ? 0o711 : 0o700);
}

/** The guard makes reading and taking the lock one step, so that two processes cannot both take over a stale lock. */
async function claim(lock: string, command: boolean): Promise<boolean> {
  const guard = `${lock}.guard`;
  while (!enter(guard)) await delay(10);
  try {
    if (isAlive(readOwner(lock))) return false;
    const self: Owner = { pid: process.pid, started: startOf(process.pid), command };
    writeFileSync(`${lock}.new`, JSON.stringify(self), { mode: 0o600 });
    renameSync(`${lock}.new`, lock);
    return true;
  } finally {
    rmdirSync(guard);
  }
}

/** A guard is only held for a few synchronous calls, so one this old was left by a process that died. */
const STALE_GUARD_MS = 5_000;

function enter(guard: string): boolean {
  try {
    mkdirSync(guard);
    return true;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const since = statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  if (Date.now() - since > STALE_GUARD_MS) rmSync(guard, { recursive: true, force: true });
  return false;
}

function isAlive(owner: Owner | null): boolean {
  const started = owner && startOf(owner.pid);
  return started !== null && started === owner?.started;
}

function readOwner(lock: string): Owner | null {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Owner;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Whether a system call or a command failed with this code, such as `ENOENT` or an exit code. */
export function hasCode(error: unknown, code: string | number): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
