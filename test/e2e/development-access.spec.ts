import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { serviceEnvironment } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { send } from '../support/http.ts';
import { createTestDatabase, type TestDatabase, testFolder, testRedis } from '../support/services.ts';
import { ensureBuilt, type Exit, ServiceProcess } from '../support/service-process.ts';

jest.setTimeout(120_000);

/** The service as a developer starts it; only its servers are named, to save the time of making some. */
describe('A service in development', () => {
  let database: TestDatabase;
  let folder: string;
  let variables: Record<string, string>;
  let started: ServiceProcess[];

  beforeAll(async () => {
    await ensureBuilt();
    database = await createTestDatabase();
  }, 180_000);
  beforeEach(() => {
    const { JWT_SECRET: _secret, ...named } = serviceEnvironment(database.url, testRedis());
    variables = { ...named, NODE_ENV: 'development' };
    folder = testFolder();
    started = [];
  });
  afterEach(async () => {
    for (const service of started) await service.stop();
  });
  afterAll(() => database.drop());

  async function start(more: Record<string, string> = {}): Promise<ServiceProcess> {
    const service = await ServiceProcess.start({ ...variables, ...more }, 'main.js', folder);
    started.push(service);
    return service;
  }

  async function end(service: ServiceProcess): Promise<Exit> {
    started = started.filter((other) => other !== service);
    return service.stop();
  }

  function tokensOf({ stdout }: { stdout: string }): string[] {
    return [...stdout.matchAll(/TOKEN=(\S+)/g)].map(([, token = '']) => token);
  }

  function linksOf({ stdout }: { stdout: string }): string[] {
    return [...stdout.matchAll(/Dashboard +(\S+)/g)].map(([, link = '']) => link);
  }

  async function statusFor(service: ServiceProcess, token = ''): Promise<number> {
    return (await send(`${service.url}/jobs`, { token })).status;
  }

  it('lets the token of an earlier start in, whose secret only its owner can read', async () => {
    const first = await start();
    const [token] = tokensOf(await end(first));
    const second = await start();

    expect(await statusFor(second, token)).toBe(200);
    expect(statSync(join(folder, '.jobstream/jwt-secret')).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['that it made', {}],
    ['of JWT_SECRET', { JWT_SECRET: 'a secret of a developer, of thirty-two bytes' }],
  ])('prints one link and one token, signed with the secret %s', async (_secret, more) => {
    const service = await start(more);
    // It is printed a moment after the address.
    const announced = await eventually(() => {
      expect(tokensOf(service)).toHaveLength(1);
      return tokensOf(service)[0];
    });
    const accepted = await statusFor(service, announced);
    const exit = await end(service);

    expect(accepted).toBe(200);
    const tokens = tokensOf(exit);
    expect(tokens).toHaveLength(1);
    expect(linksOf(exit)).toEqual([`${service.url}/#token=${tokens[0]}`]);
    expect(exit.stdout.split(tokens[0] ?? '')).toHaveLength(3);
  });

  it('prints a link alone where tokens are of an identity provider', async () => {
    const service = await start({ JWKS_URL: 'http://127.0.0.1:1/jwks.json' });
    await eventually(() => expect(linksOf(service)).toHaveLength(1));
    const exit = await end(service);

    expect(tokensOf(exit)).toEqual([]);
    expect(linksOf(exit)).toEqual([`${service.url}/`]);
  });

  it('prints neither in production', async () => {
    const service = await start({
      NODE_ENV: 'production',
      JWT_SECRET: 'a secret of thirty-two bytes or more',
    });
    const exit = await end(service);

    expect([tokensOf(exit), linksOf(exit)]).toEqual([[], []]);
  });

  it('ends the demo without a link to what is gone', async () => {
    const demo = new ServiceProcess(variables, 'service/demo.js', folder);
    const { code, stdout, stderr } = await demo.exit();

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('steps done').at(-1)).toMatch(/npm start/);
    expect(stdout.split('steps done').at(-1)).not.toContain('http');
    expect(stdout).not.toContain('#token=');
  });
});
