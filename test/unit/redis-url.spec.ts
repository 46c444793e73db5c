import { describe, expect, it } from '@jest/globals';
import { resolveOptions } from '../../src/jobs.options.ts';
import { parseRedisUrl } from '../../src/service/redis-url.ts';
import { withoutPassword } from '../../src/service/servers.ts';

const jwt = { secret: 'x'.repeat(32), issuer: 'me', audience: 'jobs' };
const tls = {};

describe('a REDIS_URL', () => {
  it.each(['redis://localhost', 'rediss://user:secret@redis:6380/2'])(
    'of one server, %s, is passed on',
    (url) => {
      expect(parseRedisUrl(url)).toBe(url);
    },
  );

  it.each([
    ['redis+cluster://a', { nodes: [{ host: 'a' }], options: {} }],
    [
      'redis+cluster://a:1,b:2,c:3',
      {
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
          { host: 'c', port: 3 },
        ],
        options: {},
      },
    ],
    [
      'redis+cluster://[::1]:7000,10.0.0.1',
      { nodes: [{ host: '::1', port: 7000 }, { host: '10.0.0.1' }], options: {} },
    ],
    ['rediss+cluster://:p%40ss@a:1', { nodes: [{ host: 'a', port: 1 }], options: { password: 'p@ss', tls } }],
    ['redis+cluster://me:a:b@a', { nodes: [{ host: 'a' }], options: { username: 'me', password: 'a:b' } }],
  ])('of a Redis Cluster is read: %s', (url, cluster) => {
    expect(parseRedisUrl(url)).toEqual({ cluster });
  });

  it.each([
    [
      'redis+sentinel://a:26379,b/main',
      { sentinels: [{ host: 'a', port: 26379 }, { host: 'b' }], name: 'main' },
    ],
    [
      'redis+sentinel://me:secret@a/main/3',
      { sentinels: [{ host: 'a' }], name: 'main', username: 'me', password: 'secret', db: 3 },
    ],
    [
      'rediss+sentinel://a/main',
      { sentinels: [{ host: 'a' }], name: 'main', tls, sentinelTLS: tls, enableTLSForSentinelMode: true },
    ],
  ])('of a master behind Sentinel is read: %s', (url, options) => {
    expect(parseRedisUrl(url)).toEqual(options);
  });

  it.each(['redis+cluster://a:1,b:2', 'rediss+cluster://u:p@a', 'redis+sentinel://a,b/main/1', 'redis://a'])(
    'that is read is an option of the module: %s',
    (url) => {
      const redis = parseRedisUrl(url) ?? '';
      expect(resolveOptions({ redis, jwt }).redis).toEqual(redis);
    },
  );

  it.each([
    'a:6379',
    'http://a',
    'redis+cluster://',
    'redis+cluster://a:1,',
    'redis+cluster://a:0',
    'redis+cluster://a:70000',
    'redis+cluster://a b',
    'redis+cluster://a/0',
    'redis+cluster://a/name',
    'redis+cluster://u:%zz@a',
    'redis+sentinel://a',
    'redis+sentinel://a/',
    'redis+sentinel://a/name/db',
    'redis+ssh://a',
  ])('that means nothing is refused: %s', (url) => {
    expect(parseRedisUrl(url)).toBeNull();
  });

  it.each([
    ['redis://u:hunter2@a:1/0', 'redis://u:***@a:1/0'],
    ['redis+cluster://u:hunter2@a:1,b:2', 'redis+cluster://u:***@a:1,b:2'],
    ['redis+sentinel://:hunter2@a,b/main', 'redis+sentinel://:***@a,b/main'],
    ['redis+cluster://u:hun@ter2@a:1,b:2', '(not a URL)'],
  ])('is shown without its password: %s', (url, shown) => {
    expect(withoutPassword(url)).toBe(shown);
  });
});
