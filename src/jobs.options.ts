import {
  ConfigurableModuleBuilder,
  type InjectionToken,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import type { RedisOptions } from 'ioredis';
import { z } from 'zod';

export type Role = 'api' | 'worker';
export const ROLES = ['api', 'worker'] as const satisfies readonly Role[];

/** One Bull queue. */
export interface QueueOptions {
  /** Jobs that one worker process runs at once. Default 10. */
  concurrency?: number;
  /** Most jobs that wait in Redis; the others wait in Postgres, by priority. Default 1,000. */
  window?: number;
}

/** How bearer tokens are checked: by a shared secret, or by the keys at `jwksUrl`; not by both. */
export interface JwtOptions {
  /** HS256 secret of at least 32 bytes. */
  secret?: string;
  /** Endpoint of a JWK set for RS256, ES256 and EdDSA. */
  jwksUrl?: string;
  issuer: string;
  audience: string;
  /** The claim that holds the tenant. Default `tenant`. */
  tenantClaim?: string;
}

/** A node of a Redis Cluster. The default `port` is 6379. */
export interface ClusterNode {
  host: string;
  port?: number;
}

/**
 * A Redis Cluster. Only the node that serves the hash tag of `prefix` is used; it is looked up again when it changes.
 */
export interface RedisCluster {
  /**
   * Nodes from which the others are discovered, preferably several: `{ host, port }`, or `redis://` and `rediss://`
   * URLs. User, password and TLS of the first URL apply to all nodes.
   */
  nodes: readonly (string | ClusterNode)[];
  /** Options for every connection to the cluster: `username`, `password`, `tls`. */
  options?: RedisOptions;
  /** Reachable addresses of nodes that announce others, such as behind NAT: `{ '10.0.0.1:6379': { host, port } }`. */
  natMap?: Readonly<Record<string, ClusterNode>>;
}

/**
 * A `redis://` or `rediss://` URL, ioredis options (for Sentinel with `sentinels` and `name`), or the nodes of a Redis
 * Cluster.
 */
export type RedisTarget = string | RedisOptions | { cluster: RedisCluster };

/** The options of `JobsModule.forRoot()`. Times are in milliseconds. Every option is validated at boot. */
export interface JobsModuleOptions {
  /** Where Redis is: `redis://…`, `{ sentinels: [{ host, port }], name }` or `{ cluster: { nodes: ['redis://…'] } }`. */
  redis: RedisTarget;
  /** Required unless `access` is given. */
  jwt?: JwtOptions;
  /**
   * Other origins, such as `https://app.example`, whose pages may send requests that are authenticated by cookies.
   * Default none. The host has to enable CORS separately.
   */
  trustedOrigins?: readonly string[];
  /** The path under which clients reach the routes: a global prefix, or a path that a proxy adds. Default none. */
  publicPath?: string;
  /** The roles of this process. Default both. */
  roles?: readonly Role[];
  /** Postgres schema of the library's tables, `[a-z_][a-z0-9_]{0,30}`. Default `jobs`. */
  schema?: string;
  /** Prefix of Redis keys and channels. It must contain a hash tag for Redis Cluster. Default `{jobs}`. */
  prefix?: string;
  stream?: {
    /** Time between heartbeats. Default 15,000. */
    heartbeatMs?: number;
    /** Age at which a stream is rotated, ±15 % jitter. Default 600,000. */
    maxAgeMs?: number;
    /** Most open streams of one caller. Default 20. */
    maxPerCaller?: number;
    /** Most open streams of the process. Default 15,000. */
    maxTotal?: number;
    /** How often watched jobs are read again in case a Redis message was lost. Default 5,000. */
    backstopMs?: number;
  };
  limits?: {
    /** Most queued jobs of one tenant; 0 means no limit. Approximate across processes. Default 1,000,000. */
    queuedPerTenant?: number;
    /** Most submits over HTTP of one caller in a minute; 0 means no limit. Default 0. */
    submitsPerMinute?: number;
    /**
     * While Redis cannot count submits, `open` counts them in each process alone and `closed` refuses them. Default
     * `open`.
     */
    withoutRedis?: 'open' | 'closed';
  };
  /** Shortest interval at which a running job publishes progress. Default 250. */
  progressIntervalMs?: number;
  /** A worker that has not renewed its leases for this long loses its jobs. Default 30,000. */
  leaseMs?: number;
  /** How long a cancelled or timed-out handler may take to stop before its job is settled without it. Default 5,000. */
  cancelGraceMs?: number;
  /** How long running jobs and streams may take to end at shutdown. Default 30,000. */
  shutdownGraceMs?: number;
  /** Final jobs older than this are purged. Default 30. */
  retentionDays?: number;
  /** Audit entries older than this are purged. Default 365. */
  auditRetentionDays?: number;
}

/** Options that must be known when the module is declared, before any factory runs. */
export interface JobsModuleExtras {
  /** Registers the module globally. Default false. */
  isGlobal?: boolean;
  /** The name of the host's TypeORM data source. Default `default`. */
  dataSource?: string;
  /** The Bull queues that handlers may name. Default `{ default: {} }`. */
  queues?: Record<string, QueueOptions>;
  /** Mounts the HTTP routes under `/jobs`. Default true. */
  http?: boolean;
  /**
   * Authenticates callers and decides what they may do. Default: JSON Web Tokens, checked as set in `jwt`, and their
   * scopes.
   */
  access?: AccessProvider;
}

/** The host's own `JobsAccess`: a class to instantiate, or an existing provider of the modules in `imports`. */
export type AccessProvider = Pick<ModuleMetadata, 'imports'> &
  ({ useClass: Type; useExisting?: never } | { useExisting: InjectionToken; useClass?: never });

const milliseconds = (fallback: number, least = 10) =>
  z.number().int().min(least).max(86_400_000).default(fallback);
const limit = (fallback: number) => z.number().int().min(0).max(1_000_000_000).default(fallback);
const count = (fallback: number) => z.number().int().min(1).max(1_000_000).default(fallback);

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

const JwtSchema = z
  .strictObject({
    secret: z
      .string()
      .refine((secret) => Buffer.byteLength(secret) >= 32, 'must be at least 32 bytes long')
      .optional(),
    jwksUrl: z.url().optional(),
    issuer: z.string().min(1),
    audience: z.string().min(1),
    tenantClaim: z.string().min(1).default('tenant'),
  })
  .refine(({ secret, jwksUrl }) => (secret === undefined) !== (jwksUrl === undefined), {
    message: 'give either a secret or a jwksUrl',
  });

const RedisUrl = z.url({ protocol: /^rediss?$/ });
const ConnectionSchema = z.record(z.string(), z.unknown());
const NodeSchema = z.strictObject({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535).optional(),
});
const ClusterSchema = z.strictObject({
  nodes: z.array(z.union([RedisUrl, NodeSchema])).min(1),
  // A cluster has only database 0.
  options: ConnectionSchema.refine(({ db }) => !db).optional(),
  natMap: z.record(z.string(), NodeSchema).optional(),
});
const SentinelsSchema = ConnectionSchema.refine(({ name }) => typeof name === 'string' && name !== '').refine(
  ({ sentinels }) => Array.isArray(sentinels) && sentinels.length > 0,
);

const RedisSchema = z.union(
  [
    RedisUrl,
    z.strictObject({ cluster: ClusterSchema }),
    SentinelsSchema,
    ConnectionSchema.refine((redis) => !('cluster' in redis) && !('sentinels' in redis)),
  ],
  'must be a redis:// or rediss:// URL, or ioredis options (with sentinels also the name of the master), or ' +
    '{ cluster: { nodes } } with redis:// URLs or { host, port } of some of its nodes (a cluster has no db but 0)',
);

const OptionsSchema = z.strictObject({
  redis: RedisSchema,
  jwt: JwtSchema.optional(),
  trustedOrigins: z
    .array(z.string().refine(isOrigin, 'must be an origin such as https://app.example'))
    .default([]),
  publicPath: z
    .string()
    .regex(/^(\/[^/\s]+)*$/, 'must be empty or begin with a slash and not end with one')
    .default(''),
  roles: z
    .array(z.enum(ROLES))
    .min(1)
    .default([...ROLES]),
  schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,30}$/)
    .default('jobs'),
  prefix: z
    .string()
    .regex(/^[^{}\s]*\{[^{}\s]+\}[^{}\s]*$/, 'must hold a Redis hash tag such as {jobs}')
    .default('{jobs}'),
  stream: z
    .strictObject({
      heartbeatMs: milliseconds(15_000),
      maxAgeMs: milliseconds(600_000, 1_000),
      maxPerCaller: count(20),
      maxTotal: count(15_000),
      backstopMs: milliseconds(5_000, 50),
    })
    .prefault({}),
  limits: z
    .strictObject({
      queuedPerTenant: limit(1_000_000),
      submitsPerMinute: limit(0),
      withoutRedis: z.enum(['open', 'closed']).default('open'),
    })
    .prefault({}),
  progressIntervalMs: milliseconds(250),
  leaseMs: milliseconds(30_000, 1_000),
  cancelGraceMs: milliseconds(5_000),
  shutdownGraceMs: milliseconds(30_000, 100),
  retentionDays: z.number().positive().max(36_500).default(30),
  auditRetentionDays: z.number().positive().max(36_500).default(365),
});

type Resolved = Omit<z.output<typeof OptionsSchema>, 'redis'> & { redis: RedisTarget };

/** The options with all defaults filled in. The class is their injection token. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging, typescript/no-extraneous-class -- a token with a type
export class ResolvedOptions {}
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging, typescript/no-empty-object-type
export interface ResolvedOptions extends Resolved {}
export const JOBS_EXTRAS = Symbol('jobstream:extras');

/** Checks the options and fills in defaults; throws one error that lists every problem. */
export function resolveOptions(options: JobsModuleOptions): ResolvedOptions {
  const parsed = OptionsSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `  ${issue.path.join('.') || 'options'}: ${issue.message}`,
  );
  throw new Error(`JobsModule got invalid options:\n${problems.join('\n')}`);
}

/** Nest removes these keys from the options, so every extra has to be listed here. */
export const EXTRA_DEFAULTS: Required<Omit<JobsModuleExtras, 'access'>> & {
  access: AccessProvider | undefined;
} = {
  isGlobal: false,
  dataSource: 'default',
  queues: { default: {} },
  http: true,
  access: undefined,
};

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<JobsModuleOptions>({ moduleName: 'Jobs' })
    .setClassMethodName('forRoot')
    .setExtras<JobsModuleExtras>(EXTRA_DEFAULTS, (definition) => definition)
    .build();
