import { Redis, type RedisOptions } from 'ioredis';
import { Client } from 'pg';
import type { Environment } from './environment.ts';
import { parseRedisUrl, type RedisTarget } from './redis-url.ts';

/** Where Postgres and Redis are, and what stops those that the service has started. */
export interface Servers {
  databaseUrl: string;
  redisUrl: string;
  stop(): Promise<void>;
}

const CONNECT_MS = 5_000;
/** Where a service in development keeps what it makes. */
export const DATA_DIR = '.jobstream';

/**
 * Postgres alone, for a command that works on the service's data: that of the environment, that of a service which runs
 * in this folder, or one that is started.
 */
export async function openDatabase(
  { databaseUrl }: Environment,
  log: (line: string) => void,
): Promise<Pick<Servers, 'databaseUrl' | 'stop'>> {
  const database =
    databaseUrl === null
      ? await (await devServers()).openEmbeddedPostgres(DATA_DIR, log)
      : { databaseUrl, stop: async () => undefined };
  return checked(database, () => reachPostgres(database.databaseUrl));
}

export interface ServerListeners {
  /** Lines about what is started. */
  log: (line: string) => void;
  /** A server that was started here ended by itself, which its error says in one line. Default: it is logged. */
  onServerDeath?: ((error: Error) => void) | undefined;
}

/** Starts the servers that the environment does not name, and checks that all can be reached. */
export async function openServers(
  environment: Environment,
  { log, onServerDeath: onDeath }: ServerListeners,
): Promise<Servers> {
  const { databaseUrl, redisUrl } = environment;
  const own = { postgres: databaseUrl === null, redis: redisUrl === null };
  const embedded =
    own.postgres || own.redis
      ? await (await devServers()).startEmbeddedServices({ dataDir: DATA_DIR, ...own, log, onDeath })
      : { databaseUrl: null, redisUrl: null, stop: async () => undefined };
  const servers = {
    databaseUrl: databaseUrl ?? embedded.databaseUrl ?? '',
    redisUrl: redisUrl ?? embedded.redisUrl ?? '',
    stop: () => embedded.stop(),
  };
  return checked(servers, async () => {
    await reachPostgres(servers.databaseUrl);
    await reachRedis(servers.redisUrl);
  });
}

/** Only where servers are started: what runs in production does without this package. */
function devServers() {
  return import('jobstream-dev-servers');
}

async function checked<T extends Pick<Servers, 'stop'>>(servers: T, reach: () => Promise<void>): Promise<T> {
  try {
    await reach();
    return servers;
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

/** A server that cannot be used; the message names its URL without the password. */
export class ServerUnreachable extends Error {
  constructor(what: string, url: string, cause: unknown) {
    super(
      `${what} at ${withoutPassword(url)} cannot be used: ${reasonOf(cause)}. Is it running, and is the URL right?`,
      { cause },
    );
    this.name = 'ServerUnreachable';
  }
}

export function withoutPassword(text: string): string {
  try {
    const url = new URL(text);
    if (url.password) url.password = '***';
    return url.href;
  } catch {
    // Several hosts in one are none of the standard's URLs.
    return parseRedisUrl(text) ? text.replace(/:\/\/([^:@]*):.*@/, '://$1:***@') : '(not a URL)';
  }
}

/** Node reports a host with several addresses as an AggregateError without a message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}

async function reachPostgres(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } catch (error) {
    throw new ServerUnreachable('Postgres', url, error);
  } finally {
    // One that never connected has nothing to end.
    await client.end().catch(() => undefined);
  }
}

async function reachRedis(url: string): Promise<void> {
  const target = parseRedisUrl(url) ?? url;
  try {
    if (typeof target === 'object' && 'cluster' in target) await reachCluster(target.cluster);
    else await reachServer(target);
  } catch (error) {
    throw new ServerUnreachable('Redis', url, error);
  }
}

type Cluster = Extract<RedisTarget, { cluster: unknown }>['cluster'];

async function reachServer(target: string | RedisOptions): Promise<void> {
  await withRedis(target, async (redis) => {
    await redis.ping();
    // Where INFO is not allowed, nothing can be said.
    const info = await redis.info('cluster').catch(() => '');
    if (info.includes('cluster_enabled:1'))
      throw new Error('it is a node of a Redis Cluster, whose URL is redis+cluster://host:port,host:port');
  });
}

/** Any one node is enough: it knows the others. */
async function reachCluster({ nodes, options }: Cluster): Promise<void> {
  await Promise.any(
    nodes.map((node) =>
      withRedis({ ...options, ...(typeof node === 'string' ? {} : node) }, async (redis) => {
        const info = await redis.cluster('INFO');
        if (!info.includes('cluster_state:ok')) throw new Error('the cluster is down (CLUSTER INFO)');
      }),
    ),
  );
}

const ONCE: RedisOptions = {
  lazyConnect: true,
  connectTimeout: CONNECT_MS,
  commandTimeout: CONNECT_MS,
  retryStrategy: null,
  sentinelRetryStrategy: () => null,
  sentinelCommandTimeout: CONNECT_MS,
};

async function withRedis(target: string | RedisOptions, act: (redis: Redis) => Promise<void>): Promise<void> {
  const redis = typeof target === 'string' ? new Redis(target, ONCE) : new Redis({ ...target, ...ONCE });
  let reason: unknown;
  redis.on('error', (error: Error) => (reason = error));
  try {
    await redis.connect();
    await act(redis);
  } catch (error) {
    throw reason ?? error;
  } finally {
    // Where it has ended already, ioredis would wait 2 s for the end of its socket.
    if (redis.status !== 'end') redis.disconnect();
  }
}
