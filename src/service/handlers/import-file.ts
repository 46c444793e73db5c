import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { PermanentFailure } from '../../index.ts';
import { errorCode } from './error-code.ts';

export interface ImportFile {
  handle: FileHandle;
  /** Bytes at the time of opening. */
  size: number;
}

const REFUSALS: Readonly<Record<string, { code: string; why: string }>> = {
  ENOENT: { code: 'file_not_found', why: 'is not in the import folder' },
  ENOTDIR: { code: 'file_not_found', why: 'is not in the import folder' },
  ENAMETOOLONG: { code: 'file_not_allowed', why: 'has too long a name' },
  ELOOP: { code: 'file_not_allowed', why: 'is a link that leads nowhere' },
  EACCES: { code: 'file_not_allowed', why: 'may not be read by this service' },
  EPERM: { code: 'file_not_allowed', why: 'may not be read by this service' },
};

const LEADS_OUT = 'leads out of the import folder';

/**
 * Opens the regular file `name` (`/` separates folders) below `folder`, following links only as long as they
 * stay below it. The caller closes the handle.
 *
 * Throws a `PermanentFailure` `file_not_allowed` or `file_not_found`; other faults, such as too many open
 * files, are ordinary errors. No message names a path of the server.
 */
export async function openImportFile(folder: string, name: string): Promise<ImportFile> {
  refuseOddName(name);
  let handle: FileHandle | undefined;
  try {
    const root = await realpath(folder);
    const target = await realPathBelow(root, path.join(root, name), name);
    // Before opening, because opening a device can have effects of its own.
    if (!(await stat(target)).isFile()) throw notAllowed(name, 'is not a regular file');
    // What replaces the file after the check is not followed (a link) nor waited for (a fifo).
    handle = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) throw notAllowed(name, 'is not a regular file');
    return { handle, size: stats.size };
  } catch (error) {
    await handle?.close();
    throw withoutPath(error, name);
  }
}

/** Reads from `position` until the buffer is full or the file ends; returns the number of bytes. */
export async function fill(handle: FileHandle, buffer: Buffer, position: number): Promise<number> {
  for (let length = 0; ;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, position + length);
    length += bytesRead;
    if (bytesRead === 0) return length;
  }
}

function refuseOddName(name: string): void {
  if (name.includes('\0')) throw notAllowed(name, 'has a NUL in its name');
  if (path.isAbsolute(name)) throw notAllowed(name, 'is an absolute path');
  if (name.split(/[\\/]/).includes('..')) throw notAllowed(name, LEADS_OUT);
}

async function realPathBelow(root: string, target: string, name: string): Promise<string> {
  try {
    const real = await realpath(target);
    const relative = path.relative(root, real);
    if (relative === '..' || relative.startsWith(`..${path.sep}`)) throw notAllowed(name, LEADS_OUT);
    return real;
  } catch (error) {
    // "Not found" must not tell what exists behind a link that leads out: a folder above shows whether one does.
    if (errorCode(error) === 'ENOENT' && target.length > root.length)
      await realPathBelow(root, path.dirname(target), name);
    throw error;
  }
}

function notAllowed(name: string, why: string): PermanentFailure {
  return new PermanentFailure(`The file ${quoted(name)} ${why}.`, { code: 'file_not_allowed' });
}

/** Node's own messages hold the absolute path, so neither message nor cause is passed on. */
function withoutPath(error: unknown, name: string): Error {
  if (error instanceof PermanentFailure) return error;
  const code = errorCode(error) ?? 'unknown error';
  const refusal = REFUSALS[code];
  if (refusal)
    return new PermanentFailure(`The file ${quoted(name)} ${refusal.why}.`, { code: refusal.code });
  return new Error(`The file ${quoted(name)} could not be opened: ${code}.`);
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
