import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { downloadedRedis, downloadRedis } from './redis-download.ts';

const execute = promisify(execFile);

/** How Redis can be run here: as a local program, or as an image on a Docker engine. */
export type RedisProgram = { kind: 'local'; path: string } | { kind: 'docker'; path: string };

const NAMES = ['redis-server', 'valkey-server'];

/** The command that installs Redis, by package manager. */
const INSTALL = {
  brew: 'brew install redis',
  'apt-get': 'sudo apt-get install redis-server',
  dnf: 'sudo dnf install valkey',
  apk: 'sudo apk add redis',
  pacman: 'sudo pacman -S valkey',
  zypper: 'sudo zypper install redis',
};

/**
 * The first available of: `redis-server` or `valkey-server` on PATH; an earlier download in `dir`; Docker, if its engine
 * answers; on Debian and Ubuntu the package, which is installed as root and otherwise downloaded into `dir`.
 *
 * @throws Error with the command that installs Redis on this machine.
 */
export async function findRedis(
  log: (line: string) => void,
  dir: string | null = null,
): Promise<RedisProgram> {
  const path = onPath(NAMES) ?? (dir && downloadedRedis(dir));
  if (path) return { kind: 'local', path };
  const docker = onPath(['docker']);
  if (docker && (await engineAnswers(docker))) return { kind: 'docker', path: docker };
  const debian = (await install(log)) ?? (await download(log, dir));
  if (debian) return { kind: 'local', path: debian };
  throw new Error(
    `No Redis found. ${installCommand()}; or put redis-server or valkey-server on PATH, start a Docker engine, ` +
      'or set REDIS_URL to an existing server.',
  );
}

function installCommand(): string {
  const here = Object.entries(INSTALL).find(([manager]) => onPath([manager]));
  return `Install one with: ${here ? here[1] : Object.values(INSTALL).join(', or ')}`;
}

function onPath(names: readonly string[]): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function engineAnswers(docker: string): Promise<boolean> {
  try {
    await execute(docker, ['info'], { timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

async function install(log: (line: string) => void): Promise<string | null> {
  const aptGet = onDebian();
  if (!aptGet || process.getuid?.() !== 0) return null;
  log('No Redis found: installing it with "apt-get install -y redis-server"');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await execute(aptGet, ['update'], { env });
    await execute(aptGet, ['install', '-y', 'redis-server'], { env });
  } catch (cause) {
    log(`apt-get could not install Redis: ${reasonOf(cause)}`);
  }
  return onPath(NAMES);
}

async function download(log: (line: string) => void, dir: string | null): Promise<string | null> {
  if (dir === null || !onDebian() || process.getuid?.() === 0) return null;
  log(`No Redis found: downloading it with "apt-get download redis-tools" into ${dir}, about 1.5 MB`);
  try {
    return await downloadRedis(dir);
  } catch (cause) {
    log(`Redis could not be downloaded: ${reasonOf(cause)}`);
    return null;
  }
}

function onDebian(): string | null {
  return existsSync('/etc/debian_version') ? onPath(['apt-get']) : null;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.trim() : String(cause);
}
