import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { claimDataFolder, claimForCommand, createThrowAwayFolder, type DataFolder } from './data-folder.ts';
import { runningPostgres, startPostgres } from './embedded-postgres.ts';
import { startRedis } from './embedded-redis.ts';
import { findRedis } from './redis-program.ts';
import { knownHome, serverHome } from './server-home.ts';
import type { RunningServer, ServerProcess } from './server-process.ts';
import { ThrowAwayFolders } from './throw-away-folders.ts';

/** Longest wait of a command for the Postgres of a service that is starting. */
const READY_MS = 30_000;

export interface EmbeddedServices {
  /** `postgres://…` of a superuser; null when Postgres was not requested. */
  databaseUrl: string | null;
  /** `redis://…`; null when Redis was not requested. */
  redisUrl: string | null;
  /** Stops the started servers within about 12 s. Repeated calls return the same promise. */
  stop(): Promise<void>;
}

export interface EmbeddedServicesOptions {
  /** Created if missing. While another live process owns it, a sub-folder is used instead. */
  dataDir: string;
  postgres: boolean;
  redis: boolean;
  log: (line: string) => void;
  /** If false, `dataDir` must not exist yet, and is removed by `stop()` or at the end of this process. Default true. */
  durable?: boolean;
  /** Called with an error of one line when a server ends without being stopped. Default: it is logged. */
  onDeath?: ((error: Error) => void) | undefined;
}

/**
 * Starts private Postgres and Redis servers on free ports of the loopback address, with random passwords. They end
 * with this process, however it ends. After a crash, the next start recovers the data.
 *
 * @throws Error that names what is missing on this machine, and the variables for using other servers instead.
 */
export async function startEmbeddedServices(options: EmbeddedServicesOptions): Promise<EmbeddedServices> {
  const folder =
    options.durable === false
      ? createThrowAwayFolder(options.dataDir)
      : await claimDataFolder(options.dataDir);
  return startOn(folder, options);
}

/**
 * Postgres for a command that works on the data of a service: the Postgres of the running service, otherwise one that
 * is started on its data folder. Commands wait for each other.
 *
 * @throws Error when the service has no Postgres in this folder, or it is not ready within 30 s.
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
    `A service runs on ${dataDir}, but its Postgres is elsewhere or not ready. Set DATABASE_URL as for the service.`,
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
    // Redis is looked for first because it is the one that may be missing, and an error should not come after a minute
    // of preparations.
    const program = redis ? await findRedis(log, resolve(asked.dataDir)) : null;
    const home = await serverHome(this.#folder.path, log);
    if (!durable) this.#throwAway = new ThrowAwayFolders([...new Set([home.dir, this.#folder.path])]);
    const options = { home, durable, log };
    // Waits for both even if one fails, because only then is it known what has to be stopped.
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
