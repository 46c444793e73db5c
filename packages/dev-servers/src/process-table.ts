// Information about processes: from /proc on Linux, from ps and lsof elsewhere.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const HAS_PROC = process.platform === 'linux';

/**
 * When the process started, as a text that can only be compared; null when it does not run. Process ids are reused, but
 * a pair of id and start time is not.
 */
export function startOf(pid: number): string | null {
  return HAS_PROC ? startFromProc(pid) : startFromPs(pid);
}

/**
 * See proc(5): of the fields after the command in parentheses, the first is the state and the twentieth the start time.
 */
function startFromProc(pid: number): string | null {
  const stat = orNull(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ended = fields?.[0] === 'Z' || fields?.[0] === 'X';
  return ended ? null : (fields?.[19] ?? null);
}

function startFromPs(pid: number): string | null {
  const line = orNull(() => run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]))?.trim();
  if (!line || line.startsWith('Z')) return null;
  return line.slice(line.indexOf(' ')).trim();
}

/** The processes with one of these command names whose working directory is this folder (a real path). */
export function processesIn(folder: string, commands: readonly string[]): number[] {
  return HAS_PROC ? fromProc(folder, commands) : fromLsof(folder, commands);
}

function fromProc(folder: string, commands: readonly string[]): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => orNull(() => readlinkSync(`/proc/${pid}/cwd`)) === folder)
    .filter((pid) => commands.includes(orNull(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? ''))
    .map(Number);
}

/** `lsof -Fpn` prints `p<pid>`, then `n<path>` of the working directory. */
function fromLsof(folder: string, commands: readonly string[]): number[] {
  const filters = commands.flatMap((command) => ['-c', command]);
  const output = orNull(() => run('lsof', ['-a', '-d', 'cwd', ...filters, '-Fpn'])) ?? '';
  const found: number[] = [];
  let pid = 0;
  for (const line of output.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    if (line === `n${folder}`) found.push(pid);
  }
  return found;
}

function run(program: string, args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 10_000,
  });
}

/** Null on failure: a process may end meanwhile, and `ps` and `lsof` fail when nothing matches. */
function orNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}
