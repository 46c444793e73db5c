import { describe, expect, it } from '@jest/globals';
import { JobsModule } from '../../src/jobs.module.ts';
import { type JobsModuleOptions, resolveOptions } from '../../src/jobs.options.ts';

const SECRET = 'x'.repeat(32);
const minimal: JobsModuleOptions = {
  redis: 'redis://localhost',
  jwt: { secret: SECRET, issuer: 'me', audience: 'jobs' },
};

function problemsOf(options: unknown): string[] {
  try {
    resolveOptions(options as JobsModuleOptions);
  } catch (error) {
    return (error as Error).message
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(':')[0] ?? '');
  }
  return [];
}

describe('the options of the module', () => {
  it('have the documented defaults', () => {
    expect(resolveOptions(minimal)).toEqual({
      ...minimal,
      jwt: { ...minimal.jwt, tenantClaim: 'tenant' },
      publicPath: '',
      trustedOrigins: [],
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
      cancelGraceMs: 5_000,
      shutdownGraceMs: 30_000,
      retentionDays: 30,
      auditRetentionDays: 365,
    });
  });

  it('keep their other defaults when one of a group is given', () => {
    expect(resolveOptions({ ...minimal, stream: { heartbeatMs: 100 } }).stream).toMatchObject({
      heartbeatMs: 100,
      maxTotal: 15_000,
    });
  });

  it('take ioredis options in place of a URL', () => {
    expect(resolveOptions({ ...minimal, redis: { host: 'redis', port: 1 } }).redis).toEqual({
      host: 'redis',
      port: 1,
    });
  });

  it.each<[string, JobsModuleOptions['redis']]>([
    ['a Redis Cluster by URLs', { cluster: { nodes: ['redis://a:1', 'rediss://me:secret@b'] } }],
    [
      'a Redis Cluster by hosts, with options',
      {
        cluster: {
          nodes: [{ host: 'a' }, { host: 'b', port: 1 }],
          options: { password: 'secret', tls: {} },
          natMap: { '10.0.0.1:6379': { host: 'a', port: 1 } },
        },
      },
    ],
    ['a master behind Sentinel', { sentinels: [{ host: 'a', port: 1 }], name: 'main' }],
  ])('take %s', (_name, redis) => {
    expect(resolveOptions({ ...minimal, redis }).redis).toEqual(redis);
  });

  it.each<[string, unknown]>([
    ['no nodes of a cluster', { cluster: { nodes: [] } }],
    ['a node that is neither a URL nor a host', { cluster: { nodes: ['a:1'] } }],
    ['a cluster beside other options', { cluster: { nodes: ['redis://a'] }, host: 'a' }],
    ['a misspelt option of a cluster', { cluster: { nodes: ['redis://a'], redisOptions: {} } }],
    ['a database of a cluster', { cluster: { nodes: ['redis://a'], options: { db: 1 } } }],
    ['sentinels without the name of the master', { sentinels: [{ host: 'a' }] }],
    ['a name without sentinels', { sentinels: [], name: 'main' }],
  ])('refuse %s as Redis, and say what can be given', (_name, redis) => {
    expect(problemsOf({ ...minimal, redis })).toEqual(['redis']);
    expect(() => resolveOptions({ ...minimal, redis } as JobsModuleOptions)).toThrow(
      '{ cluster: { nodes } }',
    );
  });

  it('list every problem at once, each with its path', () => {
    const problems = problemsOf({
      redis: 'http://localhost',
      jwt: { secret: 'short', issuer: '', audience: 'jobs' },
      publicPath: 'api/',
      roles: ['api', 'boss'],
      schema: 'Jobs"',
      prefix: 'jobs',
      stream: { heartbeatMs: 1, maxTotal: 0, unknown: 1 },
      progressIntervalMs: 1.5,
      leaseMs: 10,
      shutdownGraceMs: -1,
      retentionDays: 0,
      auditRetentionDays: -1,
    });
    expect(problems.toSorted()).toEqual(
      [
        'jwt.issuer',
        'jwt.secret',
        'leaseMs',
        'prefix',
        'progressIntervalMs',
        'publicPath',
        'redis',
        'retentionDays',
        'auditRetentionDays',
        'roles.1',
        'schema',
        'shutdownGraceMs',
        'stream',
        'stream.heartbeatMs',
        'stream.maxTotal',
      ].toSorted(),
    );
  });

  it.each<[string, unknown, string[]]>([
    ['a misspelt option', { ...minimal, lease: 5_000 }, ['options']],
    ['no options at all', undefined, ['options']],
    ['neither a secret nor a JWKS URL', { ...minimal, jwt: { issuer: 'me', audience: 'jobs' } }, ['jwt']],
    [
      'both a secret and a JWKS URL',
      { ...minimal, jwt: { ...minimal.jwt, jwksUrl: 'https://issuer/keys' } },
      ['jwt'],
    ],
    ['no roles', { ...minimal, roles: [] }, ['roles']],
    ['a prefix of two hash tags', { ...minimal, prefix: '{a}{b}' }, ['prefix']],
  ])('refuse %s', (_name, options, problems) => {
    expect(problemsOf(options)).toEqual(problems);
  });

  it('never show the secret in their error', () => {
    const options = { redis: minimal.redis, jwt: { issuer: 'a', audience: 'b', secret: 'hunter2' } };
    expect(() => resolveOptions(options)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    );
  });
});

describe('the provider of access', () => {
  it('is refused where it is given in a way that is not understood, rather than left out', () => {
    const access = { useFactory: () => null } as never;

    expect(() => JobsModule.forRoot({ ...minimal, access })).toThrow(
      '`access` needs `useClass` or `useExisting`',
    );
  });
});
