import { describe, expect, it } from '@jest/globals';
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
