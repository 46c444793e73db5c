import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { EnvironmentError, readEnvironment, VARIABLES } from '../../src/service/environment.ts';

const SECRET = 'x'.repeat(32);
const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://db/jobs',
  REDIS_URL: 'rediss://redis',
  JWT_SECRET: SECRET,
  JWT_ISSUER: 'issuer',
  JWT_AUDIENCE: 'audience',
};

/** The names of the variables that the error complains of. */
function problemsOf(source: NodeJS.ProcessEnv): string[] {
  try {
    readEnvironment(source);
  } catch (error) {
    expect(error).toBeInstanceOf(EnvironmentError);
    const lines = (error as Error).message.split('\n').filter((line) => line.startsWith('  '));
    return lines.map((line) => line.trim().split(':')[0] ?? '');
  }
  return [];
}

describe('the environment', () => {
  it('needs nothing outside production', () => {
    expect(readEnvironment({})).toMatchObject({
      production: false,
      host: '127.0.0.1',
      port: 3000,
      databaseUrl: null,
      redisUrl: null,
      adapter: 'fastify',
      corsOrigins: [],
      importDir: './data',
      jwt: { secret: null, jwksUrl: null, issuer: 'jobstream', audience: 'jobstream', tenantClaim: 'tenant' },
      jobs: {
        roles: ['api', 'worker'],
        schema: 'jobs',
        prefix: '{jobs}',
        stream: {
          heartbeatMs: 15_000,
          maxAgeMs: 600_000,
          maxPerCaller: 20,
          maxTotal: 15_000,
          backstopMs: 5_000,
        },
        limits: { queuedPerTenant: 1_000_000, submitsPerMinute: 0, withoutRedis: 'open' },
        progressIntervalMs: 250,
        leaseMs: 30_000,
        shutdownGraceMs: 30_000,
        retentionDays: 30,
        auditRetentionDays: 365,
      },
    });
  });

  it('lists everything that production lacks at once', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'DATABASE_URL',
      'REDIS_URL',
      'JWT_ISSUER',
      'JWT_AUDIENCE',
      'JWT_SECRET or JWKS_URL',
    ]);
  });

  it('is complete in production with either kind of key', () => {
    expect(readEnvironment(production)).toMatchObject({ production: true, redisUrl: 'rediss://redis' });
    const keys = { ...production, JWT_SECRET: undefined, JWKS_URL: 'https://issuer/keys' };
    expect(readEnvironment(keys).jwt).toMatchObject({ secret: null, jwksUrl: 'https://issuer/keys' });
  });

  it('lists what is missing and what is wrong together', () => {
    const problems = problemsOf({
      NODE_ENV: 'production',
      PORT: '70000',
      DATABASE_URL: 'mysql://db',
      HTTP_ADAPTER: 'koa',
      JOBS_ROLES: 'api,boss',
      JOBS_SCHEMA: 'a b',
      JOBS_PREFIX: 'jobs',
      JWT_SECRET: 'short',
      LEASE_MS: '1e4',
      RETENTION_DAYS: '-1',
      AUDIT_RETENTION_DAYS: '0',
      JWT_ISSUER: 'me',
      JWT_AUDIENCE: 'me',
    });
    expect(problems.toSorted()).toEqual(
      [
        'DATABASE_URL',
        'HTTP_ADAPTER',
        'JOBS_PREFIX',
        'JOBS_ROLES',
        'JOBS_SCHEMA',
        'JWT_SECRET',
        'LEASE_MS',
        'PORT',
        'REDIS_URL',
        'RETENTION_DAYS',
        'AUDIT_RETENTION_DAYS',
      ].toSorted(),
    );
  });

  it('refuses a format and a level of the log that there are none of', () => {
    expect(problemsOf({ LOG_FORMAT: 'yaml', LOG_LEVEL: 'info' })).toEqual(['LOG_FORMAT', 'LOG_LEVEL']);
  });

  it('reads origins, and refuses what is none', () => {
    const list = 'https://a.example, http://localhost:5173';
    expect(readEnvironment({ CORS_ORIGINS: list }).corsOrigins).toEqual([
      'https://a.example',
      'http://localhost:5173',
    ]);
    for (const wrong of [
      '*',
      'https://*.example',
      'a.example',
      'https://a.example/',
      'https://a.example/path',
    ])
      expect(problemsOf({ CORS_ORIGINS: wrong })).toEqual(['CORS_ORIGINS']);
  });

  it('refuses a mode that is none, rather than to start as in development', () => {
    for (const mode of ['Production', 'prod', 'staging'])
      expect(problemsOf({ NODE_ENV: mode })).toEqual(['NODE_ENV']);
  });

  it('takes an empty variable as one that is not set', () => {
    expect(readEnvironment({ PORT: '', HTTP_ADAPTER: '' })).toMatchObject({ port: 3000, adapter: 'fastify' });
    expect(problemsOf({ ...production, REDIS_URL: '' })).toEqual(['REDIS_URL']);
  });

  it('refuses both kinds of key together', () => {
    expect(problemsOf({ ...production, JWKS_URL: 'https://issuer/keys' })).toEqual(['JWT_SECRET, JWKS_URL']);
  });

  it.each(['redis+cluster://a:1,b:2', 'redis+sentinel://a,b/main'])('takes a Redis at %s', (url) => {
    expect(readEnvironment({ REDIS_URL: url }).redisUrl).toBe(url);
  });

  it('names every form of the URL of Redis when it is none', () => {
    const read = (): unknown => readEnvironment({ REDIS_URL: 'redis+sentinel://a,b' });
    for (const form of ['redis://', 'redis+cluster://', 'redis+sentinel://']) expect(read).toThrow(form);
  });

  it.each<[string, string[]]>([
    ['api', ['api']],
    ['worker', ['worker']],
    [' worker , api ', ['worker', 'api']],
    ['api,api', ['api']],
  ])('reads the roles %j', (text, roles) => {
    expect(readEnvironment({ JOBS_ROLES: text }).jobs.roles).toEqual(roles);
  });

  it.each(['3.5', '0x10', '١', ' 3', '9999999999', '-1', 'NaN'])('refuses the port %j', (port) => {
    expect(problemsOf({ PORT: port })).toEqual(['PORT']);
  });

  it('counts the secret in bytes', () => {
    expect(readEnvironment({ JWT_SECRET: 'ü'.repeat(16) }).jwt.secret).toBe('ü'.repeat(16));
  });

  it.each([
    ['JOBS_SCEMA', 'JOBS_SCHEMA'],
    ['JOB_SCHEMA', 'JOBS_SCHEMA'],
    ['JOBS_SHCEMAS', 'JOBS_SCHEMA'],
    ['STREAM_HEARTBEATS_MS', 'STREAM_HEARTBEAT_MS'],
    ['JWKS_URI', 'JWKS_URL'],
    ['LOG_LEVLE', 'LOG_LEVEL'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['RETENTION_DAY', 'RETENTION_DAYS'],
    ['DATABASE_URI', 'DATABASE_URL'],
  ])('refuses %s and suggests %s', (slip, meant) => {
    expect(() => readEnvironment({ [slip]: 'x' })).toThrow(`${slip}: is not known; did you mean ${meant}?`);
  });

  it('takes a slip with a prefix of ours for one beside the right name too, and no other', () => {
    expect(problemsOf({ JOBS_SCEMA: 'a', JOBS_SCHEMA: 'b' })).toEqual(['JOBS_SCEMA']);
    expect(problemsOf({ REDIS_URI: 'a', REDIS_URL: 'redis://b' })).toEqual([]);
  });

  it('leaves alone what is of another program, or empty', () => {
    const others = ['HOSTS', 'POST', 'EXPORT_DIR', 'LOG_DIR', 'LOGNAME', 'JWT_PRIVATE_KEY', 'STREAM_URL'];
    expect(problemsOf(Object.fromEntries(others.map((name) => [name, 'x'])))).toEqual([]);
    expect(problemsOf({ JOBS_SCEMA: '' })).toEqual([]);
  });

  it('leaves alone what Kubernetes sets for services, whatever they are called', () => {
    const services = VARIABLES.flatMap((name) => [name, name.slice(0, -1), name.split('_')[0]]);
    const set = services.flatMap((name) => [
      `${name}_SERVICE_HOST`,
      `${name}_SERVICE_PORT`,
      `${name}_SERVICE_PORT_HTTP`,
      `${name}_PORT`,
      ...['', '_PROTO', '_PORT', '_ADDR'].map((part) => `${name}_PORT_3000_TCP${part}`),
    ]);
    expect(problemsOf(Object.fromEntries(set.map((name) => [name, 'tcp://10.0.0.1:3000'])))).toEqual([]);
  });

  it('is described in .env.example, every variable of it', () => {
    const text = readFileSync('.env.example', 'utf8');
    const described = new Set([...text.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name = '']) => name));
    for (const ofCompose of ['POSTGRES_PASSWORD', 'REDIS_PASSWORD']) described.delete(ofCompose);
    expect([...described].toSorted()).toEqual(VARIABLES.toSorted());
  });

  it('never shows a secret in its error', () => {
    const secrets = {
      JWT_SECRET: 'hunter2',
      DATABASE_URL: 'mysql://me:hunter2@db',
      REDIS_URL: 'redis+sentinel://:hunter2@redis',
    };
    expect(() => readEnvironment(secrets)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    );
  });
});
