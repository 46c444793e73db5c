import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { claimDataFolder, claimForCommand, createThrowAwayFolder, type DataFolder } from './data-folder.ts';
import { runningPostgres, startPostgres } from './embedded-postgres.ts';
import { startRedis } from './embedded-redis.ts';
import { findRedis } from './redis-program.ts';
import { knownHome, serverHome } from './server-home.ts';
import type { RunningServer, ServerProcess } from './server-process.ts';
import { ThrowAwayFolders } from './throw-away-folders.ts';

/** How long a service that is starting may take until a command can use its Postgres. */
const READY_MS = 30_000;

export interface EmbeddedServices {
  /** `postgres://…` of a superuser, or null when Postgres was not asked for. */
  databaseUrl: string | null;
  /** `redis://…`, or null when Redis was not asked for. */
  redisUrl: string | null;
  /** Stops what was started, within about 12 seconds. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

export interface EmbeddedServicesOptions {
  /** Created when missing. While another living process uses it, a sub-folder of it is used instead. */
  dataDir: string;
  postgres: boolean;
  redis: boolean;
  log: (line: string) => void;
  /** False: `dataDir` must not exist yet, and is removed by `stop()` or the end of this process. Default: true. */
  durable?: boolean;
  /** Called for a server that ended without being stopped; the error is one line that says why. Default: it is logged. */
  onDeath?: ((error: Error) => void) | undefined;
}

/**
 * Starts Postgres and Redis servers of our own, on free ports of the loopback address, protected by random
 * passwords. They end with this process, however it ends; what a crash has left is recovered by the next start.
 *
 * @throws Error that says what is missing on this machine and which variables name servers instead.
 */
export async function startEmbeddedServices(options: EmbeddedServicesOptions): Promise<EmbeddedServices> {
  const folder =
    options.durable === false
      ? createThrowAwayFolder(options.dataDir)
      : await claimDataFolder(options.dataDir);
  return startOn(folder, options);
}

/**
 * Postgres for a command that works on the data of a service: that of the service which runs on the data folder, else one
 * that is started on it. Commands wait for each other.
 *
 * @throws Error when the service has no Postgres there, or none that is ready within 30 s.
 */
export async function openEmbeddedPostgres(
  dataDir: string,
  log: (line: string) => void,
): Promise<{ databaseUrl: string; stop(): Promise<void> }> {
  const folder = await claimForCommand(dataDir);
  if (!folder) return { databaseUrl: await untilRunning(dataDir), stop: async () => undefined };
  const services = await startOn(folder, { dataDir, postgres: true, redis: false, log });
  return { databaseUrl: services.databaseUrl ?? '', stop: () => services.stop() };
}

async function untilRunning(dataDir: string): Promise<string> {
  for (const until = Date.now() + READY_MS; Date.now() < until; await delay(100)) {
    const url = runningPostgres(knownHome(resolve(dataDir)));
    if (url) return url;
  }
  throw new Error(
    `A service runs on ${dataDir} whose Postgres is elsewhere, or is not ready. Set DATABASE_URL as it has it.`,
  );
}

async function startOn(folder: DataFolder, options: EmbeddedServicesOptions): Promise<EmbeddedServices> {
  const onDeath = options.onDeath ?? ((error: Error) => options.log(error.message));
  const running = new RunningServers(folder, onDeath);
  try {
    return await running.start(options);
  } catch (error) {
    await running.stop();
    throw error;
  }
}

class RunningServers {
  readonly #folder: DataFolder;
  readonly #onDeath: (error: Error) => void;
  readonly #servers: ServerProcess[] = [];
  #throwAway: ThrowAwayFolders | null = null;
  #stopped: Promise<void> | null = null;

  constructor(folder: DataFolder, onDeath: (error: Error) => void) {
    this.#folder = folder;
    this.#onDeath = onDeath;
  }

  async start(asked: EmbeddedServicesOptions): Promise<EmbeddedServices> {
    const { postgres, redis, durable = true, log } = asked;
    if (process.platform === 'win32')
      throw new Error('Embedded servers need Linux or macOS. Use WSL, or set DATABASE_URL and REDIS_URL.');
    // First of all, as it is what may be missing: a refusal must not come after a minute of preparations.
    const program = redis ? await findRedis(log, resolve(asked.dataDir)) : null;
    const home = await serverHome(this.#folder.path, log);
    if (!durable) this.#throwAway = new ThrowAwayFolders([...new Set([home.dir, this.#folder.path])]);
    const options = { home, durable, log };
    // Both are waited for, also when one fails: only then is it known what has to be stopped.
    const [database, cache] = await Promise.allSettled([
      postgres ? this.#keep(startPostgres(options)) : null,
      program ? this.#keep(startRedis(program, options)) : null,
    ]);
    return { databaseUrl: valueOf(database), redisUrl: valueOf(cache), stop: () => this.stop() };
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #keep(starting: Promise<RunningServer>): Promise<string> {
    const { server, url } = await starting;
    this.#servers.push(server);
    server.unref();
    void server.exited.then((cause) => {
      if (!this.#stopped) this.#onDeath(server.death(cause));
    });
    return url;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
    await this.#throwAway?.remove();
    this.#folder.release();
  }
}

function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}
