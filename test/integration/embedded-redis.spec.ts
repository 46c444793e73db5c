import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
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
