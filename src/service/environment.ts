import { z } from 'zod';
import { misspelt } from './misspelt.ts';
import { parseRedisUrl, REDIS_URL_FORMS } from './redis-url.ts';
import { LOG_DEFAULTS, LOG_FORMATS, LOG_LEVELS } from './service-logger.ts';

/** What is wrong with the environment, all of it at once. */
export class EnvironmentError extends Error {
  constructor(problems: string[]) {
    super(
      `The environment is not complete or not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}\nSee .env.example for every variable.`,
    );
    this.name = 'EnvironmentError';
  }
}

const integer = (fallback: number, least: number, most = 86_400_000) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most))
    .default(fallback);

function itemsOf(list: string): string[] {
  return list.split(',').map((item) => item.trim());
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && !text.includes('*');
}

const Variables = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(3000, 0, 65_535),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }).optional(),
  REDIS_URL: z
    .string()
    .refine((url) => parseRedisUrl(url) !== null, REDIS_URL_FORMS)
    .optional(),
  HTTP_ADAPTER: z.enum(['fastify', 'express']).default('fastify'),
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform((list) => itemsOf(list).filter(Boolean))
    .pipe(z.array(z.string().refine(isOrigin, 'must list origins such as https://app.example'))),
  IMPORT_DIR: z.string().default('./data'),
  JOBS_ROLES: z
    .string()
    .default('api,worker')
    .transform((list) => [...new Set(itemsOf(list))])
    .pipe(z.array(z.enum(['api', 'worker'], 'must name api, worker or both, with a comma between')).min(1)),
  JOBS_SCHEMA: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,30}$/, 'must match [a-z_][a-z0-9_]{0,30}')
    .default('jobs'),
  JOBS_PREFIX: z
    .string()
    .regex(/^[^{}\s]*\{[^{}\s]+\}[^{}\s]*$/, 'must hold a hash tag such as {jobs}')
    .default('{jobs}'),
  JWT_SECRET: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= 32, 'must be at least 32 bytes long')
    .optional(),
  JWKS_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  JWT_TENANT_CLAIM: z.string().default('tenant'),
  STREAM_HEARTBEAT_MS: integer(15_000, 10),
  STREAM_MAX_AGE_MS: integer(600_000, 1_000),
  STREAM_MAX_PER_CALLER: integer(20, 1, 1_000_000),
  STREAM_MAX_TOTAL: integer(15_000, 1, 1_000_000),
  STREAM_BACKSTOP_MS: integer(5_000, 50),
  LIMIT_QUEUED_PER_TENANT: integer(1_000_000, 0, 999_999_999),
  LIMIT_SUBMITS_PER_MINUTE: integer(0, 0, 999_999_999),
  LIMIT_WITHOUT_REDIS: z.enum(['open', 'closed']).default('open'),
  PROGRESS_INTERVAL_MS: integer(250, 10),
  LEASE_MS: integer(30_000, 1_000),
  SHUTDOWN_GRACE_MS: integer(30_000, 100),
  RETENTION_DAYS: integer(30, 1, 36_500),
  AUDIT_RETENTION_DAYS: integer(365, 1, 36_500),
  LOG_FORMAT: z.enum(LOG_FORMATS).default(LOG_DEFAULTS.format),
  LOG_LEVEL: z.enum(LOG_LEVELS).default(LOG_DEFAULTS.level),
});

/** Every variable that the service reads. */
export const VARIABLES: readonly string[] = Object.keys(Variables.shape);

type Values = z.output<typeof Variables>;

/** Everything the reference service reads from its environment. Durations are in milliseconds. */
export type Environment = ReturnType<typeof toEnvironment>;

/** Reads and checks the environment; empty variables count as unset. Throws one error that lists every problem. */
export function readEnvironment(source: NodeJS.ProcessEnv): Environment {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
  const parsed = Variables.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${String(issue.path[0])}: ${issue.message}`);
  const slips = misspelt(Object.keys(given), VARIABLES);
  problems.push(...slips.map(([name, meant]) => `${name}: is not known; did you mean ${meant}?`));
  problems.push(...missing(given));
  if (given['JWT_SECRET'] && given['JWKS_URL'])
    problems.push('JWT_SECRET, JWKS_URL: set one of them, not both');
  if (!parsed.success || problems.length > 0) throw new EnvironmentError(problems);
  return toEnvironment(parsed.data);
}

/** In production nothing is made up: what has a default elsewhere must be given. */
function missing(given: NodeJS.ProcessEnv): string[] {
  if (given['NODE_ENV'] !== 'production') return [];
  const required = ['DATABASE_URL', 'REDIS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'].filter((name) => !given[name]);
  const problems = required.map((name) => `${name}: is missing`);
  if (!given['JWT_SECRET'] && !given['JWKS_URL']) problems.push('JWT_SECRET or JWKS_URL: is missing');
  return problems;
}

function toEnvironment(values: Values) {
  return {
    production: values.NODE_ENV === 'production',
    host: values.HOST,
    port: values.PORT,
    /** Null: the service starts its own. */
    databaseUrl: values.DATABASE_URL ?? null,
    /** Of one server, of a Redis Cluster or of a master behind Sentinel (`parseRedisUrl`). */
    redisUrl: values.REDIS_URL ?? null,
    adapter: values.HTTP_ADAPTER,
    /** Origins whose pages may call with credentials. */
    corsOrigins: values.CORS_ORIGINS,
    importDir: values.IMPORT_DIR,
    jwt: {
      secret: values.JWT_SECRET ?? null,
      jwksUrl: values.JWKS_URL ?? null,
      issuer: values.JWT_ISSUER ?? 'jobstream',
      audience: values.JWT_AUDIENCE ?? 'jobstream',
      tenantClaim: values.JWT_TENANT_CLAIM,
    },
    jobs: jobsOf(values),
  };
}

/** Options of `JobsModule`, under its own names. */
function jobsOf(values: Values) {
  return {
    roles: values.JOBS_ROLES,
    schema: values.JOBS_SCHEMA,
    prefix: values.JOBS_PREFIX,
    stream: {
      heartbeatMs: values.STREAM_HEARTBEAT_MS,
      maxAgeMs: values.STREAM_MAX_AGE_MS,
      maxPerCaller: values.STREAM_MAX_PER_CALLER,
      maxTotal: values.STREAM_MAX_TOTAL,
      backstopMs: values.STREAM_BACKSTOP_MS,
    },
    limits: {
      queuedPerTenant: values.LIMIT_QUEUED_PER_TENANT,
      submitsPerMinute: values.LIMIT_SUBMITS_PER_MINUTE,
      withoutRedis: values.LIMIT_WITHOUT_REDIS,
    },
    progressIntervalMs: values.PROGRESS_INTERVAL_MS,
    leaseMs: values.LEASE_MS,
    shutdownGraceMs: values.SHUTDOWN_GRACE_MS,
    retentionDays: values.RETENTION_DAYS,
    auditRetentionDays: values.AUDIT_RETENTION_DAYS,
  };
}
