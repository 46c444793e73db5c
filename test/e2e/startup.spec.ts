import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serviceEnvironment } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { send } from '../support/http.ts';
import {
  createDatabase,
  createTestDatabase,
  databaseAt,
  type TestDatabase,
  testRedis,
} from '../support/services.ts';
import { ensureBuilt, type Exit, ServiceProcess } from '../support/service-process.ts';
import { signToken } from '../support/tokens.ts';

/** A service of its own takes a while to start on a busy machine. */
const START = { timeoutMs: 60_000 };
const PASSWORD = 'pa55-word-of-the-test';

describe('The service that cannot start', () => {
  let database: TestDatabase;
  let valid: Record<string, string>;
  beforeAll(async () => {
    await ensureBuilt();
    database = await createTestDatabase();
    valid = serviceEnvironment(database.url, testRedis());
  }, 180_000);
  afterAll(() => database.drop());

  /** Starts it and expects it to give up, with a message for people: no stack, no secret. */
  async function failure(variables: Record<string, string>): Promise<Exit> {
    const exit = await new ServiceProcess(variables).exit();
    expect(exit.code).toBe(1);
    expect(exit.stderr).not.toMatch(/^\s+at /m);
    expect(exit.stdout).not.toContain('Listening on');
    for (const output of [exit.stdout, exit.stderr]) expect(output).not.toContain(PASSWORD);
    return exit;
  }

  function namesIn(stderr: string): string[] {
    return [...stderr.matchAll(/^ {2}([A-Z_, ]+(?: or [A-Z_]+)?): /gm)]
      .map(([, name = '']) => name)
      .toSorted();
  }

  it('names every variable at once that production lacks', async () => {
    const { stderr, stdout } = await failure({ NODE_ENV: 'production' });

    expect(namesIn(stderr)).toEqual([
      'DATABASE_URL',
      'JWT_AUDIENCE',
      'JWT_ISSUER',
      'JWT_SECRET or JWKS_URL',
      'REDIS_URL',
    ]);
    expect(stderr.match(/not complete or not valid/g)).toHaveLength(1);
    expect(stdout).toBe('');
  });

  it('takes an empty variable as one that is missing', async () => {
    const { stderr } = await failure({ ...valid, REDIS_URL: '', JWT_ISSUER: '' });

    expect(namesIn(stderr)).toEqual(['JWT_ISSUER', 'REDIS_URL']);
  });

  it('names every variable at once that is wrong, without its value where that may be secret', async () => {
    const wrong = {
      PORT: '70000',
      DATABASE_URL: `mysql://user:${PASSWORD}@localhost/jobs`,
      REDIS_URL: `http://:${PASSWORD}@localhost`,
      HTTP_ADAPTER: 'koa',
      JOBS_ROLES: 'api,boss',
      JOBS_SCHEMA: 'jobs; DROP SCHEMA public',
      JOBS_PREFIX: 'no-hash-tag',
      JWT_SECRET: PASSWORD,
      STREAM_HEARTBEAT_MS: 'often',
      LEASE_MS: '-1',
      RETENTION_DAYS: '0',
    };

    const { stderr } = await failure({ ...valid, ...wrong });

    expect(namesIn(stderr)).toEqual(Object.keys(wrong).toSorted());
  });

  it('refuses a secret beside a JWKS endpoint', async () => {
    const { stderr } = await failure({ ...valid, JWKS_URL: 'https://issuer.test/jwks.json' });

    expect(namesIn(stderr)).toEqual(['JWT_SECRET, JWKS_URL']);
  });

  it.each([
    [
      'DATABASE_URL',
      'Postgres',
      `postgres://user:${PASSWORD}@127.0.0.1:1/jobs`,
      'postgres://user:***@127.0.0.1:1/jobs',
    ],
    ['REDIS_URL', 'Redis', `redis://user:${PASSWORD}@127.0.0.1:1/0`, 'redis://user:***@127.0.0.1:1/0'],
  ])('names the %s that nothing answers at, without its password', async (variable, server, url, shown) => {
    const { stderr } = await failure({ ...valid, [variable]: url });

    expect(stderr).toContain(`${server} at ${shown}`);
    expect(stderr).toContain('ECONNREFUSED');
  });

  it('names the database that does not exist, without its password', async () => {
    const url = new URL(database.url);
    url.pathname = '/no_such_database';
    url.password = PASSWORD;

    const { stderr } = await failure({ ...valid, DATABASE_URL: url.href });

    url.password = '***';
    expect(stderr).toContain(`Postgres at ${url.href}`);
  });

  it('names the port that something listens on already, before it starts anything', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;

    const { stdout, stderr } = await failure({ ...valid, HOST: '127.0.0.1', PORT: String(port) });

    expect(stdout).toBe('');
    expect(stderr).toBe(
      `Port ${port} of 127.0.0.1 cannot be used: something listens there already. Set PORT to another one.\n`,
    );
    other.close();
  });

  it('says as one line of JSON why it ends, where the log is JSON', async () => {
    const { stdout, stderr } = await failure({ ...valid, LOG_FORMAT: 'json', LEASE_MS: 'x' });

    expect(stdout).toBe('');
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(stderr)).toMatchObject({
      level: 'fatal',
      message: expect.stringContaining('LEASE_MS: must be a whole number'),
    });
  });

  it.each([
    ['data', {}, 'The import folder /sys/data', 'Set IMPORT_DIR'],
    ['.jobstream', { DATABASE_URL: '', REDIS_URL: '' }, 'The data folder /sys/.jobstream', 'DATABASE_URL'],
    ['.jobstream', {}, 'The data folder /sys/.jobstream', 'set JWT_SECRET'],
  ])('names the folder that cannot be written, %s, and the way out', async (folder, more, what, wayOut) => {
    const given: Record<string, string> = { ...valid, ...more };
    const { NODE_ENV: _mode, JWT_SECRET: _secret, ...variables } = given;
    if (folder === 'data') variables['IMPORT_DIR'] = '';

    // On Linux nobody makes folders there, not even root.
    const { code, stderr } = await new ServiceProcess(variables, 'main.js', '/sys').exit();

    expect(code).toBe(1);
    expect(stderr).toMatch(/^.* cannot be written \(E[A-Z]+\)\. .*\n$/);
    expect(stderr.startsWith(what)).toBe(true);
    expect(stderr).toContain(wayOut);
  });

  it('gives up on a server that takes the connection and never answers', async () => {
    // What it is sent is read, as it would not learn of the end otherwise, and keep the socket.
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;

    const { stderr } = await failure({
      ...valid,
      DATABASE_URL: `postgres://u:${PASSWORD}@127.0.0.1:${port}/x`,
    });

    expect(stderr).toContain(`Postgres at postgres://u:***@127.0.0.1:${port}/x`);
    silent.close();
  });

  it('says in production how to migrate a database that lacks the tables', async () => {
    const name = `empty_${randomUUID().replaceAll('-', '')}`;
    await createDatabase(name);

    const { stderr } = await failure({ ...valid, DATABASE_URL: databaseAt(name) });

    expect(stderr).toContain('npm run migrate');
  });
});

describe('The log of the service', () => {
  it('is one object of JSON a line, from the start through an act to the end', async () => {
    await ensureBuilt();
    const database = await createTestDatabase();
    const service = new ServiceProcess({
      ...serviceEnvironment(database.url, testRedis()),
      LOG_FORMAT: 'json',
    });
    const records = () =>
      service.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { message: string; context: string });
    const url = await eventually(() => {
      const found = records().find(({ message }) => message.startsWith('Listening on '));
      if (!found) throw new Error('It does not listen.');
      return found.message.slice('Listening on '.length);
    }, START);

    const token = await signToken();
    const submission = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 } };
    const { status } = await send(`${url}/jobs`, { method: 'POST', token, body: submission });
    const { code, stderr } = await service.stop();

    expect([status, code, stderr]).toEqual([202, 0, '']);
    const audit = records().find(({ context }) => context === 'Jobstream audit');
    expect(JSON.parse(audit?.message ?? '')).toMatchObject({ action: 'submit' });
    expect(records().at(-1)?.message).toMatch(/^SIGTERM/);
    await database.drop();
  }, 60_000);
});

describe('The migration of the service', () => {
  it('is applied once, however many processes start it at once', async () => {
    await ensureBuilt();
    const name = `fresh_${randomUUID().replaceAll('-', '')}`;
    await createDatabase(name);
    const variables = { NODE_ENV: 'production', DATABASE_URL: databaseAt(name), REDIS_URL: testRedis().url };

    const exits = await Promise.all(
      [1, 2, 3].map(() => new ServiceProcess(variables, 'service/migrate.js').exit()),
    );

    expect(exits.map(({ code, stderr }) => [code, stderr])).toEqual([1, 2, 3].map(() => [0, '']));
    expect(exits.filter(({ stdout }) => stdout.startsWith('Applied'))).toHaveLength(1);
    expect(exits.filter(({ stdout }) => stdout.includes('up to date'))).toHaveLength(2);
  }, 60_000);
});
