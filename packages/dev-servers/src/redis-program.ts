import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** How Redis can be run here: a program of this machine, or an image on a Docker engine. */
export type RedisProgram = { kind: 'local'; path: string } | { kind: 'docker'; path: string };

const NAMES = ['redis-server', 'valkey-server'];

/**
 * The first of: `redis-server` or `valkey-server` on PATH; Docker, when an engine answers; on Debian as
 * root, the package `redis-server`, which is installed for it.
 */
export async function findRedis(log: (line: string) => void): Promise<RedisProgram> {
  const path = onPath(NAMES);
  if (path) return { kind: 'local', path };
  const docker = onPath(['docker']);
  if (docker && (await engineAnswers(docker))) return { kind: 'docker', path: docker };
  const installed = await install(log);
  if (installed) return { kind: 'local', path: installed };
  throw new Error(
    'No Redis found. Either put redis-server or valkey-server on PATH, or start a Docker engine, ' +
      'or run on Debian as root, where it is installed with apt-get. A server of your own is named by REDIS_URL.',
  );
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
  const aptGet = onPath(['apt-get']);
  if (!aptGet || process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return null;
  log('No Redis found: installing it with "apt-get install -y redis-server"');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await execute(aptGet, ['update'], { env });
    await execute(aptGet, ['install', '-y', 'redis-server'], { env });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    log(`apt-get could not install Redis: ${reason}`);
  }
  return onPath(NAMES);
}
