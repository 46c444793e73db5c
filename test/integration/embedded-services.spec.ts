import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { transformFileSync } from '@swc/core';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import {
  startEmbeddedServices,
  type EmbeddedServices,
} from '../../packages/dev-servers/src/embedded-services.ts';
import { processesIn } from '../../packages/dev-servers/src/process-table.ts';
import { eventually } from '../support/eventually.ts';
import { testFolder } from '../support/services.ts';

const SOURCES = resolve(import.meta.dirname, '../../packages/dev-servers/src');
const SERVERS = ['postgres', 'redis-server', 'valkey-server'];

let root: string;
/** A data folder; created by the services. */
let dataDir: string;
let started: EmbeddedServices[];
let owners: ChildProcess[];
let lines: string[];

beforeAll(() => {
  root = testFolder();
  buildOwner();
});

beforeEach(() => {
  dataDir = join(root, `data-${readdirSync(root).length}`);
  started = [];
  owners = [];
  lines = [];
});

afterEach(async () => {
  for (const owner of owners) owner.kill('SIGKILL');
  await Promise.all(started.map((services) => services.stop()));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

async function start(options: { redis?: boolean; durable?: boolean } = {}): Promise<EmbeddedServices> {
  const log = (line: string): number => lines.push(line);
  const services = await startEmbeddedServices({ dataDir, postgres: true, redis: true, log, ...options });
  started.push(services);
  return services;
}

/** Compiles the sources for a process of their own, where Jest's transform does not reach. */
function buildOwner(): void {
  const folder = join(root, 'owner');
  mkdirSync(folder);
  symlinkSync(resolve(SOURCES, '../../../node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const options = {
    jsc: {
      target: 'es2022' as const,
      parser: { syntax: 'typescript' as const },
      rewriteRelativeImportExtensions: true,
    },
    module: { type: 'es6' as const },
  };
  for (const file of readdirSync(SOURCES)) {
    const { code } = transformFileSync(join(SOURCES, file), options);
    writeFileSync(join(folder, file.replace(/\.ts$/, '.js')), code);
  }
  writeFileSync(
    join(folder, 'main.js'),
    `import { startEmbeddedServices } from './embedded-services.js';
const options = JSON.parse(process.argv[2]);
const { databaseUrl, redisUrl } = await startEmbeddedServices({ postgres: true, redis: true, log: () => {}, ...options });
console.log(JSON.stringify({ databaseUrl, redisUrl }));
setInterval(() => {}, 60_000);`,
  );
}

/** Starts the services in another process, which owns them then. */
async function startOwner(options: { durable?: boolean } = {}): Promise<[ChildProcess, EmbeddedServices]> {
  const main = join(root, 'owner', 'main.js');
  const owner = spawn(process.execPath, [main, JSON.stringify({ dataDir, ...options })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  owners.push(owner);
  const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
  return [owner, JSON.parse(line) as EmbeddedServices];
}

async function kill(owner: ChildProcess): Promise<void> {
  const exited = once(owner, 'exit');
  owner.kill('SIGKILL');
  await exited;
}

async function query(services: EmbeddedServices, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: services.databaseUrl ?? '' });
  await client.connect();
  try {
    return (await client.query<{ value: unknown }>(sql)).rows.map((row) => row.value);
  } finally {
    await client.end();
  }
}

async function redis(services: EmbeddedServices, command: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(services.redisUrl ?? '', {
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: null,
  });
  await client.connect();
  try {
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

async function store(services: EmbeddedServices): Promise<void> {
  await query(services, 'CREATE TABLE kept AS SELECT 42 AS value');
  await redis(services, 'SET', 'kept', '42');
}

async function expectStored(services: EmbeddedServices): Promise<void> {
  expect(await query(services, 'SELECT value FROM kept')).toEqual([42]);
  expect(await redis(services, 'GET', 'kept')).toBe('42');
}

function serversOf(folder: string): number[] {
  return ['postgres/data', 'redis'].flatMap((name) => processesIn(join(folder, name), SERVERS));
}

function pidIn(file: string): number {
  return Number.parseInt(readFileSync(join(dataDir, file), 'utf8'), 10);
}

function withoutPassword(url: string | null): string {
  const bare = new URL(url ?? '');
  bare.password = '';
  return bare.href;
}

const port = (url: string | null): string => new URL(url ?? '').port;

describe('embedded services', () => {
  it('start Postgres and Redis on free ports of the loopback address, behind passwords', async () => {
    const services = await start();
    expect(await query(services, `SELECT current_setting('listen_addresses') AS value`)).toEqual([
      '127.0.0.1',
    ]);
    expect(await query(services, `SELECT current_setting('max_connections') AS value`)).toEqual(['300']);
    expect(await redis(services, 'CONFIG', 'GET', 'bind')).toEqual(['bind', '127.0.0.1']);
    expect(await redis(services, 'CONFIG', 'GET', 'maxmemory-policy')).toEqual([
      'maxmemory-policy',
      'noeviction',
    ]);
    expect(port(services.databaseUrl)).not.toBe('5432');
    expect(port(services.redisUrl)).not.toBe('6379');
    const strangers = {
      ...services,
      databaseUrl: withoutPassword(services.databaseUrl),
      redisUrl: withoutPassword(services.redisUrl),
    };
    await expect(query(strangers, 'SELECT 1')).rejects.toThrow(/password/i);
    await expect(redis(strangers, 'GET', 'x')).rejects.toThrow('NOAUTH');
  });

  it('end both servers at stop, and keep the data for the next start', async () => {
    const services = await start();
    await store(services);
    expect(serversOf(dataDir)).not.toEqual([]);
    await Promise.all([services.stop(), services.stop()]);
    expect(serversOf(dataDir)).toEqual([]);
    await expectStored(await start());
  });

  it('recover the data and stale pid files after a kill -9 of both servers', async () => {
    const services = await start();
    await store(services);
    process.kill(pidIn('postgres/data/postmaster.pid'), 'SIGKILL');
    process.kill(pidIn('redis/redis.pid'), 'SIGKILL');
    await eventually(() =>
      expect(lines.filter((line) => line.includes('ended unexpectedly (signal SIGKILL)'))).toHaveLength(2),
    );
    await services.stop();
    // The id belongs to another living process by now: ours.
    const pidFile = join(dataDir, 'postgres/data/postmaster.pid');
    writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(process.pid)));
    await expectStored(await start());
  });

  it('start over when the creation of the cluster was interrupted', async () => {
    mkdirSync(join(dataDir, 'postgres.new/data/base'), { recursive: true });
    expect(await query(await start({ redis: false }), 'SELECT 1 AS value')).toEqual([1]);
    expect(existsSync(join(dataDir, 'postgres.new'))).toBe(false);
  });

  it('leave no server behind when their owner is killed, and are recovered by the next start', async () => {
    const [owner, services] = await startOwner();
    await store(services);
    await kill(owner);
    await eventually(() => expect(serversOf(dataDir)).toEqual([]), { timeoutMs: 10_000 });
    await expectStored(await start());
    expect(existsSync(join(dataDir, '2'))).toBe(false);
  });

  it('stop a leftover server on their own folder whose watchdog was killed as well', async () => {
    const [owner, services] = await startOwner();
    await store(services);
    const leftover = pidIn('postgres/data/postmaster.pid');
    // The death of one shell closes the pipe that the other one watches, which must not act on it any more.
    const watchdogs = processesIn(dataDir, ['sh']);
    for (const watchdog of watchdogs) process.kill(watchdog, 'SIGSTOP');
    for (const watchdog of watchdogs) process.kill(watchdog, 'SIGKILL');
    await kill(owner);
    expect(serversOf(dataDir)).toContain(leftover);
    await expectStored(await start());
    expect(lines.join('\n')).toContain('Stopping leftovers of an earlier run');
    expect(serversOf(dataDir)).not.toContain(leftover);
  });

  it('get a folder of their own while another service uses the data folder', async () => {
    const [, first] = await startOwner();
    await store(first);
    const second = await start();
    expect(await query(second, `SELECT current_setting('data_directory') AS value`)).toEqual([
      join(dataDir, '2/postgres/data'),
    ]);
    expect(port(second.databaseUrl)).not.toBe(port(first.databaseUrl));
    await second.stop();
    await expectStored(first);
  });

  it('remove throw-away data at stop, and also when their owner is killed', async () => {
    const services = await start({ durable: false });
    expect(await query(services, `SELECT current_setting('fsync') AS value`)).toEqual(['off']);
    await services.stop();
    expect(existsSync(dataDir)).toBe(false);
    const [owner] = await startOwner({ durable: false });
    await kill(owner);
    await eventually(() => expect(existsSync(dataDir)).toBe(false), { timeoutMs: 10_000 });
    expect(serversOf(dataDir)).toEqual([]);
  });

  it('refuse to use a folder that exists for data to be thrown away', async () => {
    mkdirSync(dataDir);
    await expect(start({ durable: false })).rejects.toThrow('already exists');
    expect(existsSync(dataDir)).toBe(true);
  });
});
