// Redis without root on Debian and Ubuntu: any user can download packages with apt-get and unpack them with dpkg.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * The package has the server's binary under the name of a tool. The name under which it is started decides what it
 * does.
 */
const PACKAGE = 'redis-tools';
const TOOL = 'redis-check-rdb';
const PROGRAM = 'redis-server';
const TIMEOUT_MS = 120_000;

/** Starts the server with the unpacked libraries, whose folders are named after the machine's architecture. */
const START = `#!/bin/sh
here=$(cd "\${0%/*}" && pwd)
for folder in "$here"/usr/lib/*-linux-gnu* "$here"/lib/*-linux-gnu*; do
  [ -d "$folder" ] && LD_LIBRARY_PATH="$folder\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
done
export LD_LIBRARY_PATH
exec "$here/usr/bin/${PROGRAM}" "$@"
`;

/** The program from an earlier download into this folder; null if there is none. */
export function downloadedRedis(dir: string): string | null {
  const program = join(dir, 'redis-program', PROGRAM);
  return existsSync(program) ? program : null;
}

/**
 * Downloads Redis, about 1.5 MB, into `<dir>/redis-program`. The folder has another name until Redis is complete and
 * runs.
 *
 * @throws Error of the command that failed.
 */
export async function downloadRedis(dir: string): Promise<string> {
  const target = join(dir, 'redis-program');
  const fresh = join(dir, `redis-program.${process.pid}`);
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  try {
    await unpack(fresh, await options(fresh));
    symlinkSync(TOOL, join(fresh, 'usr/bin', PROGRAM));
    writeFileSync(join(fresh, PROGRAM), START);
    chmodSync(join(fresh, PROGRAM), 0o755);
    await run(join(fresh, PROGRAM), ['--version'], fresh);
    rmSync(target, { recursive: true, force: true });
    renameSync(fresh, target);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return join(target, PROGRAM);
}

/**
 * Options for apt-get. Container images often lack package lists, and an ordinary user can only fetch them into a
 * private folder.
 */
async function options(fresh: string): Promise<string[]> {
  const known = await run('apt-cache', ['show', PACKAGE], fresh).catch(() => '');
  if (known !== '') return [];
  const own = ['-o', `Dir::State=${fresh}/state`, '-o', `Dir::Cache=${fresh}/cache`];
  const system = ['-o', 'Dir::State::status=/var/lib/dpkg/status'];
  for (const folder of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(fresh, folder), { recursive: true });
  await run('apt-get', [...own, ...system, 'update'], fresh);
  return [...own, ...system];
}

/**
 * Unpacks the package and those of its libraries that are missing. The dependencies of those libraries are installed
 * already, because apt-get needs the same ones.
 */
async function unpack(fresh: string, apt: string[]): Promise<void> {
  const about = await run('apt-cache', [...apt, 'depends', PACKAGE], fresh);
  const needed = [...about.matchAll(/^ +Depends: ((?:lib|lua)[\w.+:-]+)$/gm)].map(([, name = '']) => name);
  const missing: string[] = [];
  for (const name of needed) if (!(await isInstalled(name, fresh))) missing.push(name);
  await run('apt-get', [...apt, 'download', PACKAGE, ...missing], fresh);
  const files = readdirSync(fresh).filter((name) => name.endsWith('.deb'));
  for (const file of files) {
    await run('dpkg', ['-x', file, '.'], fresh);
    rmSync(join(fresh, file));
  }
  for (const left of ['state', 'cache']) rmSync(join(fresh, left), { recursive: true, force: true });
}

async function isInstalled(name: string, cwd: string): Promise<boolean> {
  const status = await run('dpkg-query', ['-W', '-f', '${Status}', name], cwd).catch(() => '');
  return status.endsWith(' installed');
}

async function run(program: string, args: string[], cwd: string): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C' };
  const { stdout } = await execute(program, args, {
    cwd,
    env,
    timeout: TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}
