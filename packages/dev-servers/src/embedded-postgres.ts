import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LOOPBACK } from './free-port.ts';
import { stopLeftovers } from './leftover-servers.ts';
import { postgresPrograms, type PostgresPrograms } from './postgres-programs.ts';
import { makePrivateFolder, writePrivateFile, type ServerHome } from './server-home.ts';
import { launchOnFreePort, ServerProcess, type RunningServer, type ServerOptions } from './server-process.ts';

const USER = 'jobstream';
const START_TIMEOUT_MS = 60_000;

/** Starts Postgres on the cluster in `<home>/postgres`, and creates the cluster if there is none. */
export async function startPostgres({ home, durable, log }: ServerOptions): Promise<RunningServer> {
  const cluster = join(home.dir, 'postgres');
  const data = join(cluster, 'data');
  const programs = await postgresPrograms(home);
  await stopEarlier(data, log);
  // No server uses the folder now, so a pid file is stale, and its id may belong to another process by now.
  rmSync(join(data, 'postmaster.pid'), { force: true });
  if (!existsSync(cluster)) await initialise(cluster, programs, home, log);
  const { server, port } = await launchOnFreePort({
    start: (free) => run(programs, data, free, home, durable),
    ready: () => Promise.resolve(isReady(data)),
    timeoutMs: START_TIMEOUT_MS,
  });
  log(`PostgreSQL listens on ${LOOPBACK}:${port}, data in ${data}`);
  return { url: urlOf(cluster, port), server };
}

/** The URL of the Postgres that runs on the cluster in `<dir>/postgres`; null when none is ready. */
export function runningPostgres(dir: string): string | null {
  const cluster = join(dir, 'postgres');
  const data = join(cluster, 'data');
  return isReady(data) ? urlOf(cluster, Number(pidFileOf(data)[3])) : null;
}

function urlOf(cluster: string, port: number): string {
  const password = readFileSync(join(cluster, 'password'), 'utf8').trim();
  return `postgres://${USER}:${password}@${LOOPBACK}:${port}/postgres`;
}

function stopEarlier(data: string, log: (line: string) => void): Promise<void> {
  return stopLeftovers(
    { folder: data, pidFile: 'postmaster.pid', commands: ['postgres'], stopSignal: 'SIGINT' },
    log,
  );
}

/**
 * Creates the cluster under another name and renames it when it is complete, so that after a crash in between it is
 * created again.
 */
async function initialise(
  cluster: string,
  programs: PostgresPrograms,
  home: ServerHome,
  log: (line: string) => void,
): Promise<void> {
  log(`Creating a PostgreSQL cluster in ${cluster}`);
  const unfinished = `${cluster}.new`;
  const data = join(unfinished, 'data');
  await stopEarlier(data, log);
  rmSync(unfinished, { recursive: true, force: true });
  makePrivateFolder(unfinished, home.user);
  const passwordFile = join(unfinished, 'password');
  writePrivateFile(passwordFile, `${randomBytes(24).toString('hex')}\n`, home.user);
  const initdb = new ServerProcess({
    name: 'initdb',
    program: programs.initdb,
    args: [`--pgdata=${data}`, `--pwfile=${passwordFile}`, ...INITDB_FLAGS],
    cwd: home.dir,
    logFile: join(home.dir, 'initdb.log'),
    user: home.user,
    stopSignal: 'TERM',
  });
  if ((await initdb.exited) !== 'exit code 0') throw await initdb.failure('could not create a cluster');
  renameSync(unfinished, cluster);
}

const INITDB_FLAGS = [
  `--username=${USER}`,
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  // The built-in provider sorts and folds case in the same way on every machine, whatever its locales.
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--no-sync',
  // Many iterations only protect weak passwords. This one has 192 random bits, and every connection would pay for them.
  '--set=scram_iterations=1',
];

function run(
  programs: PostgresPrograms,
  data: string,
  port: number,
  home: ServerHome,
  durable: boolean,
): ServerProcess {
  const settings = [...SETTINGS, ...(durable ? [] : THROW_AWAY)];
  return new ServerProcess({
    name: 'PostgreSQL',
    program: programs.postgres,
    args: ['-D', data, '-h', LOOPBACK, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    cwd: home.dir,
    logFile: join(home.dir, 'postgres.log'),
    user: home.user,
    // SIGINT is the fast shutdown. SIGQUIT is the immediate one, for data that is thrown away.
    stopSignal: durable ? 'INT' : 'QUIT',
  });
}

const SETTINGS = [
  'unix_socket_directories=',
  'max_connections=300',
  'timezone=UTC',
  'log_timezone=UTC',
  // DETAIL would show whole rows, including payloads.
  'log_error_verbosity=terse',
];
const THROW_AWAY = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

/** pg_ctl waits for the eighth line of postmaster.pid as well. */
function isReady(data: string): boolean {
  return pidFileOf(data)[7]?.trim() === 'ready';
}

function pidFileOf(data: string): string[] {
  const path = join(data, 'postmaster.pid');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
}
