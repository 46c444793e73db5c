import type { JobsModuleOptions } from '../index.ts';

/** Where the service's Redis is, in the shapes that `JobsModule` takes. */
export type RedisTarget = JobsModuleOptions['redis'];

export const REDIS_URL_FORMS =
  'must be redis://host:6379, redis+cluster://host:6379,host:6379 with nodes of a Redis Cluster, or ' +
  'redis+sentinel://host:26379,host:26379/name-of-the-master (rediss… for TLS)';

const MANY = /^(rediss?)\+(cluster|sentinel):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^/?#]*))?(?:\/(\d{1,4}))?$/;

/** Reads a `REDIS_URL`; null when it is none. User and password are those of Redis, percent-encoded. */
export function parseRedisUrl(text: string): RedisTarget | null {
  const [, scheme = '', kind, userinfo = '', list = '', name = '', db] = MANY.exec(text) ?? [];
  if (kind === undefined) return /^rediss?:\/\//.test(text) && URL.canParse(text) ? text : null;
  const addresses = list.split(',').map(addressOf);
  const known = addresses.filter((address) => address !== null);
  const credentials = credentialsOf(userinfo);
  if (known.length < addresses.length || !credentials) return null;
  const options = { ...credentials, ...(scheme === 'rediss' ? { tls: {} } : {}) };
  // A cluster has neither a name nor databases.
  if (kind === 'cluster') return name || db ? null : { cluster: { nodes: known, options } };
  if (!name) return null;
  const secure = scheme === 'rediss' ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {};
  return {
    sentinels: known,
    name: decode(name) ?? name,
    ...options,
    ...secure,
    ...(db ? { db: Number(db) } : {}),
  };
}

/** `host`, `host:port` or `[address]:port`. */
function addressOf(text: string): { host: string; port?: number } | null {
  const [, plain, bracketed, port] = /^(?:([^\s:[\]]+)|\[([\da-fA-F:.]+)\])(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = plain ?? bracketed;
  if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) return null;
  return { host, ...(port ? { port: Number(port) } : {}) };
}

function credentialsOf(userinfo: string): { username?: string; password?: string } | null {
  const [, user = '', secret = ''] = /^([^:]*)(?::(.*))?$/.exec(userinfo) ?? [];
  const [username, password] = [decode(user), decode(secret)];
  if (username === null || password === null) return null;
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
