import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import {
  startEmbeddedServices,
  type EmbeddedServices,
} from '../../packages/dev-servers/src/embedded-services.ts';
import { findRedis } from '../../packages/dev-servers/src/redis-program.ts';
import { testFolder } from '../support/services.ts';

const PATH = process.env['PATH'] ?? '';

let root: string;
/** The only folder on PATH. */
let bin: string;
let started: EmbeddedServices[];

beforeEach(() => {
  root = testFolder();
  started = [];
  bin = join(root, 'bin');
  mkdirSync(bin);
  process.env['PATH'] = bin;
});

afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(started.map((services) => services.stop()));
  process.env['PATH'] = PATH;
  rmSync(root, { recursive: true, force: true });
});

function installed(program: string): string {
  const folder = PATH.split(delimiter).find((candidate) => existsSync(join(candidate, program)));
  if (folder === undefined) throw new Error(`This test needs ${program} on PATH.`);
  return join(folder, program);
}

function addProgram(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Stands in for the client of an engine: it runs the image's command here, with the folder and port asked for. */
function addDocker(): void {
  for (const program of ['id', 'sleep', 'cat']) symlinkSync(installed(program), join(bin, program));
  const calls = join(root, 'calls');
  addProgram(
    'docker',
    `echo "$*" >> "${calls}"
[ "$1" = run ] || exit 0
while [ "$1" != redis-server ]; do
  case "$1" in
    --publish) port=\${2#127.0.0.1:}; port=\${port%:6379} ;;
    --volume) folder=\${2%:/data} ;;
  esac
  shift
done
cd "$folder" && exec "${installed('redis-server')}" "$2" --port "$port" --bind 127.0.0.1`,
  );
}

/** Stands in for the package tools: a package is a file, and unpacking the server takes that of this machine. */
function addApt(): void {
  for (const program of ['cp', 'mkdir', 'sleep']) symlinkSync(installed(program), join(bin, program));
  addProgram('apt-cache', `echo "  Depends: adduser"; echo "  Depends: liblzf1"; echo "  Depends: libc6"`);
  addProgram('dpkg-query', `case "$*" in *libc6) printf 'install ok installed' ;; *) exit 1 ;; esac`);
  addProgram(
    'apt-get',
    `[ "$1" = download ] || exit 1
shift
echo "$*" >> "${join(root, 'downloads')}"
for name; do : > "$name.deb"; done`,
  );
  addProgram(
    'dpkg',
    `[ "$2" = redis-tools.deb ] || exit 0
mkdir -p usr/bin && cp "${realpathSync(installed('redis-server'))}" usr/bin/redis-check-rdb`,
  );
}

const ignore = (): void => undefined;

describe('finding a Redis', () => {
  it('prefers redis-server to valkey-server on PATH, and either to Docker', async () => {
    addProgram('docker', 'exit 0');
    addProgram('valkey-server', '');
    expect(await findRedis(ignore)).toEqual({ kind: 'local', path: join(bin, 'valkey-server') });
    addProgram('redis-server', '');
    expect(await findRedis(ignore)).toEqual({ kind: 'local', path: join(bin, 'redis-server') });
  });

  it('names the three ways and the variable when there is none', async () => {
    addProgram('docker', 'exit 1');
    const error: unknown = await findRedis(ignore).catch((reason: unknown) => reason);
    for (const way of ['redis-server', 'valkey-server', 'Docker', 'apt-get', 'REDIS_URL']) {
      expect(String(error)).toContain(way);
    }
  });

  it('names the one command that installs it, by the package manager that is here', async () => {
    addProgram('dnf', '');
    await expect(findRedis(ignore)).rejects.toThrow('Install one with: sudo dnf install valkey;');
    addProgram('brew', '');
    await expect(findRedis(ignore)).rejects.toThrow('Install one with: brew install redis;');
  });

  it('is refused before Postgres or a folder for it is made', async () => {
    const dataDir = join(root, 'data');
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    await expect(startEmbeddedServices({ dataDir, postgres: true, redis: true, log })).rejects.toThrow(
      'No Redis found',
    );
    expect(lines).toEqual([]);
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
  });

  it('downloads it on Debian without root, with the libraries that are missing, once', async () => {
    if (!existsSync('/etc/debian_version')) return;
    jest.spyOn(process, 'getuid').mockReturnValue(1000);
    addApt();
    const dir = join(root, 'data');
    const expected = { kind: 'local', path: join(dir, 'redis-program/redis-server') };

    expect(await findRedis(ignore, dir)).toEqual(expected);
    expect(await findRedis(ignore, dir)).toEqual(expected);

    expect(readFileSync(join(root, 'downloads'), 'utf8')).toBe('redis-tools liblzf1\n');
    expect(readdirSync(dir)).toEqual(['redis-program']);
    const services = await startEmbeddedServices({ dataDir: dir, postgres: false, redis: true, log: ignore });
    started.push(services);
    const client = new Redis(services.redisUrl ?? '');
    expect(await client.set('kept', '42')).toBe('OK');
    client.disconnect();
  });

  it('leaves nothing of a download that failed, and says why', async () => {
    if (!existsSync('/etc/debian_version')) return;
    jest.spyOn(process, 'getuid').mockReturnValue(1000);
    addProgram('apt-cache', 'echo known');
    addProgram('apt-get', 'echo "E: no network" >&2; exit 100');
    const lines: string[] = [];

    const finding = findRedis((line) => void lines.push(line), join(root, 'data'));

    await expect(finding).rejects.toThrow('sudo apt-get install redis-server');
    expect(lines.at(-1)).toContain('E: no network');
    expect(readdirSync(join(root, 'data'))).toEqual([]);
  });

  it('runs in a container on the data folder when only Docker is there, and removes an earlier one', async () => {
    addDocker();
    const dataDir = join(root, 'data');
    const start = async (): Promise<EmbeddedServices> => {
      const services = await startEmbeddedServices({ dataDir, postgres: false, redis: true, log: ignore });
      started.push(services);
      return services;
    };
    const services = await start();
    const name = readFileSync(join(dataDir, 'redis/container'), 'utf8');
    const client = new Redis(services.redisUrl ?? '');
    expect(await client.set('kept', '42')).toBe('OK');
    client.disconnect();
    await services.stop();
    expect(existsSync(join(dataDir, 'redis/appendonlydir'))).toBe(true);
    await (await start()).stop();
    expect(readFileSync(join(root, 'calls'), 'utf8')).toContain(`rm --force ${name}`);
  });
});
