// Postgres refuses to run as root, so as root the servers run under an unprivileged account. If that account cannot
// reach the data folder (for instance below /root), they get a home elsewhere, to which the data folder points.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerUser } from './child.ts';
import { hasCode } from './data-folder.ts';

const execute = promisify(execFile);

/** Where the servers keep their files, and the account under which they run; null means that of this process. */
export interface ServerHome {
  dir: string;
  user: ServerUser | null;
}

const ACCOUNT = 'postgres';
const ELSEWHERE = '/var/lib/jobstream';
const WAY_OUT = 'Run as an ordinary user, or set DATABASE_URL and REDIS_URL.';

/** Finds or creates a home for the servers of this data folder. */
export async function serverHome(folder: string, log: (line: string) => void): Promise<ServerHome> {
  if (process.getuid?.() !== 0) return { dir: folder, user: null };
  const elsewhere = elsewhereOf(folder);
  const dir = knownHome(folder);
  const user = ownerOf(dir) ?? (await account(log));
  if (await succeeds(user, '/bin/sh', ['-c', 'test -x "$0"', dir])) return { dir, user };
  log(`The account "${ACCOUNT}" cannot reach ${folder}, so the servers keep their files in ${elsewhere}`);
  makeAnew(elsewhere);
  writeFileSync(pointerOf(folder), `${elsewhere}\n`);
  return { dir: elsewhere, user };
}

/** The current home of the servers of this data folder. */
export function knownHome(folder: string): string {
  const elsewhere = elsewhereOf(folder);
  return existsSync(pointerOf(folder)) && existsSync(elsewhere) ? elsewhere : folder;
}

function pointerOf(folder: string): string {
  return join(folder, 'moved-to');
}

/**
 * Derived from the folder rather than read from the pointer, because a copied data folder must not share files with the
 * original.
 */
function elsewhereOf(folder: string): string {
  return join(ELSEWHERE, createHash('sha256').update(folder).digest('hex').slice(0, 16));
}

/** Data that was created by an ordinary user is still used under that user. */
function ownerOf(dir: string): ServerUser | null {
  for (const name of ['postgres', 'redis']) {
    const stat = statSync(join(dir, name), { throwIfNoEntry: false });
    if (stat && stat.uid !== 0) return { uid: stat.uid, gid: stat.gid };
  }
  return null;
}

async function account(log: (line: string) => void): Promise<ServerUser> {
  const known = await lookUp();
  if (known) return known;
  log(`Creating the system account "${ACCOUNT}", because PostgreSQL refuses to run as root`);
  const args = ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', ACCOUNT];
  try {
    await execute('useradd', args);
  } catch (cause) {
    throw new Error(`PostgreSQL refuses to run as root, and no account could be created. ${WAY_OUT}`, {
      cause,
    });
  }
  const created = await lookUp();
  if (!created) throw new Error(`The account "${ACCOUNT}" was created but cannot be found. ${WAY_OUT}`);
  return created;
}

async function lookUp(): Promise<ServerUser | null> {
  try {
    const [uid, gid] = await Promise.all([execute('id', ['-u', ACCOUNT]), execute('id', ['-g', ACCOUNT])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (error) {
    // `id` exits with 1 for an unknown account.
    if (hasCode(error, 1)) return null;
    throw error;
  }
}

/**
 * Recreates the home. If the data folder does not point to it, the data folder was deleted to start over, so old files
 * here are deleted too.
 */
function makeAnew(home: string): void {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  // The servers' account must be able to pass through both, whatever the umask.
  for (const path of [ELSEWHERE, home]) chmodSync(path, 0o711);
}

/** Whether the command succeeds under the account of the servers. */
export async function succeeds(user: ServerUser | null, program: string, args: string[]): Promise<boolean> {
  try {
    await execute(program, args, { cwd: '/', env: { LC_ALL: 'C' }, ...user });
    return true;
  } catch (cause) {
    if (!hasCode(cause, 'EPERM')) return false;
    throw new Error(`This process may not start servers under another account. ${WAY_OUT}`, { cause });
  }
}

/** A folder that only the servers' account (and root) can enter. */
export function makePrivateFolder(path: string, user: ServerUser | null): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (user) chownSync(path, user.uid, user.gid);
}

/** A file that only the servers' account (and root) can read. */
export function writePrivateFile(path: string, text: string, user: ServerUser | null): void {
  writeFileSync(path, text, { mode: 0o600 });
  if (user) chownSync(path, user.uid, user.gid);
}
