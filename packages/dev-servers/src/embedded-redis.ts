import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LOOPBACK } from './free-port.ts';
import { stopLeftovers } from './leftover-servers.ts';
import type { RedisProgram } from './redis-program.ts';
import { makePrivateFolder, writePrivateFile, type ServerHome } from './server-home.ts';
import { launchOnFreePort, ServerProcess, type RunningServer, type ServerOptions } from './server-process.ts';

const execute = promisify(execFile);

const IMAGE = 'redis:7-alpine';
const PORT_INSIDE = 6379;
const START_TIMEOUT_MS = 60_000;
/** Longer, because the image may have to be downloaded first. */
const DOCKER_TIMEOUT_MS = 300_000;

/** Starts Redis in `<home>/redis`, append-only, with a new random password at every start. */
export async function startRedis(
  program: RedisProgram,
  { home, durable, log }: ServerOptions,
): Promise<RunningServer> {
  const folder = join(home.dir, 'redis');
  makePrivateFolder(folder, home.user);
  await stopEarlier(folder, program, log);
  const password = randomBytes(24).toString('hex');
  const { server, port } = await launchOnFreePort({
    start: (free) => {
      writePrivateFile(join(folder, 'redis.conf'), settings(program, free, password, durable), home.user);
      return program.kind === 'local'
        ? runLocal(program, folder, home)
        : runInDocker(program, folder, free, home);
    },
    ready: (free) => answers(free, password),
    timeoutMs: program.kind === 'local' ? START_TIMEOUT_MS : DOCKER_TIMEOUT_MS,
  });
  log(`Redis listens on ${LOOPBACK}:${port}, data in ${folder}`);
  return { url: `redis://:${password}@${LOOPBACK}:${port}`, server };
}

async function stopEarlier(
  folder: string,
  program: RedisProgram,
  log: (line: string) => void,
): Promise<void> {
  const commands = ['redis-server', 'valkey-server'];
  await stopLeftovers({ folder, pidFile: 'redis.pid', commands, stopSignal: 'SIGTERM' }, log);
  const name = containerFile(folder);
  if (program.kind === 'docker' && existsSync(name)) {
    // Exits with 0 if the container does not exist.
    await execute(program.path, ['rm', '--force', readFileSync(name, 'utf8').trim()]);
  }
  rmSync(name, { force: true });
}

/**
 * Paths are relative to the data folder, in which the server runs. Passed as a file because command lines are visible
 * to all users.
 */
function settings(program: RedisProgram, port: number, password: string, durable: boolean): string {
  const local = program.kind === 'local';
  const lines = [
    // In a container, loopback is that of the container; Docker publishes the port on that of the host.
    `bind ${local ? LOOPBACK : '0.0.0.0'}`,
    `port ${local ? port : PORT_INSIDE}`,
    `requirepass ${password}`,
    'pidfile redis.pid',
    'daemonize no',
    'save ""',
    `appendonly ${durable ? 'yes' : 'no'}`,
    'appendfsync everysec',
    'maxmemory-policy noeviction',
  ];
  return `${lines.join('\n')}\n`;
}

function runLocal(program: RedisProgram, folder: string, home: ServerHome): ServerProcess {
  return new ServerProcess({
    name: 'Redis',
    program: program.path,
    args: ['redis.conf'],
    cwd: folder,
    logFile: join(home.dir, 'redis.log'),
    user: home.user,
    stopSignal: 'TERM',
  });
}

/** The Docker client forwards signals to the container and ends with it. */
function runInDocker(program: RedisProgram, folder: string, port: number, home: ServerHome): ServerProcess {
  const name = `jobstream-redis-${randomBytes(6).toString('hex')}`;
  writeFileSync(containerFile(folder), name, { mode: 0o600 });
  const { uid, gid } = home.user ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const container = ['--rm', '--init', '--name', name, '--user', `${uid}:${gid}`];
  const access = [
    '--publish',
    `${LOOPBACK}:${port}:${PORT_INSIDE}`,
    '--volume',
    `${folder}:/data`,
    '--workdir',
    '/data',
  ];
  return new ServerProcess({
    name: 'Redis in Docker',
    program: program.path,
    args: ['run', ...container, ...access, IMAGE, 'redis-server', 'redis.conf'],
    cwd: home.dir,
    logFile: join(home.dir, 'redis.log'),
    // The Docker engine may not be accessible to the account of the servers.
    user: null,
    stopSignal: 'TERM',
    env: process.env,
  });
}

/**
 * The file with the container's name. Written before the container starts, so that a later run knows which one to
 * remove.
 */
function containerFile(folder: string): string {
  return join(folder, 'container');
}

/** Whether Redis accepts the password and commands. While it loads its data, it answers `-LOADING`. */
function answers(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, LOOPBACK, () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    const settle = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('end', () => settle(false));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.split('\r\n').length > 2) settle(text.startsWith('+OK\r\n+PONG'));
    });
  });
}
