import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DataSource } from 'typeorm';
import { startEmbeddedServices } from '../../packages/dev-servers/src/embedded-services.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { testFolder } from '../support/services.ts';
import { builtProgram, ensureBuilt, type Exit } from '../support/service-process.ts';

/** Each command is a Node process of its own, which a busy machine starts slowly. */
jest.setTimeout(120_000);

describe('The command for API keys', () => {
  let app: TestApp;
  beforeAll(async () => {
    await ensureBuilt();
    app = await startApp({ adapter: 'fastify' });
  }, 180_000);
  afterAll(() => app.close());

  function run(...args: string[]): Promise<Exit> {
    return runIn(testFolder(), { NODE_ENV: 'production', DATABASE_URL: app.database.url }, args);
  }

  async function runIn(cwd: string, variables: Record<string, string>, args: string[]): Promise<Exit> {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, [builtProgram('service/api-key.js'), ...args], {
      cwd,
      env: { PATH, HOME, ...variables },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    await once(child, 'close');
    return { code: child.exitCode, ...output };
  }

  it('makes a key that works, lists it and revokes it', async () => {
    const made = await run(
      'create',
      '--tenant',
      'acme',
      '--subject',
      'robot',
      '--scopes',
      'jobs:read jobs:write',
    );

    const [key = ''] = made.stdout.split('\n');
    expect(made.code).toBe(0);
    expect(made.stderr).toMatch(
      /^[^\n]*\[Jobstream audit\][^\n]*"credential":"command","action":"create"[^\n]*\n$/,
    );
    expect(made.stderr).not.toContain(key.slice(4));
    const id = /id is (\S+)\./.exec(made.stdout)?.[1] ?? '';
    const submission = {
      type: 'demo.steps',
      payload: { steps: 1, stepMs: 0 },
      runAt: '2100-01-01T00:00:00Z',
    };
    const { job } = await app.submit(submission, key);
    expect(job).toMatchObject({ tenant: 'acme', owner: 'robot' });
    const stream = await app.stream(job.id, '', {}, key);

    const listed = await run('list');
    expect(listed.stdout).toContain(id);
    expect(listed.stdout).toContain(key.slice(0, 20));
    expect(listed.stdout).not.toContain(key);

    const revoked = await run('revoke', id);
    expect([revoked.code, revoked.stdout]).toEqual([0, `The key ${id} is revoked.\n`]);
    expect((await app.get('/jobs', key)).status).toBe(401);
    await eventually(() => expect(stream.closed).toBe(true));
    expect(stream.events.at(-1)?.data).toEqual({ reason: 'revoked', reconnect: false });
    expect((await run('list')).stdout).toBe('There are no keys.\n');
    expect((await run('revoke', id)).stderr).toContain(`There is no key ${id}`);
  });

  it('works on the Postgres of the service that runs in the same folder', async () => {
    const folder = testFolder();
    const embedded = { dataDir: join(folder, '.jobstream'), postgres: true, redis: false };
    const services = await startEmbeddedServices({ ...embedded, log: () => undefined });
    const database = await new DataSource({
      type: 'postgres',
      url: services.databaseUrl ?? '',
    }).initialize();

    const made = await runIn(folder, {}, ['create', '--tenant=a', '--subject=here', '--scopes=jobs:read']);

    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^jsk_/) });
    expect(await database.query('SELECT subject FROM jobs.api_key')).toEqual([{ subject: 'here' }]);
    await database.destroy();
    await services.stop();
  });

  it('makes a key that expires', async () => {
    const made = await run(
      'create',
      '--tenant=a',
      '--subject=b',
      '--scopes=jobs:read',
      '--expires=2999-01-02',
    );

    expect(made.code).toBe(0);
    expect((await run('list')).stdout).toContain('2999-01-02T00:00:00.000Z');
  });

  it('lists names without what a terminal would obey', async () => {
    const name = 'n\u001b]0;owned\u0007\nline';
    await run('create', '--tenant=a', '--subject=c', '--scopes=jobs:read', `--name=${name}`);

    const { stdout } = await run('list');
    expect(stdout).toContain('n\\u{1b}]0;owned\\u{7}\\u{a}line');
    for (const control of ['\u001b', '\u0007']) expect(stdout).not.toContain(control);
  });

  it.each([
    [[], 'Say what to do'],
    [['revoke', 'x'], 'Not an id: x'],
    [['create', '--colour', 'red'], '--colour'],
    [
      ['create', '--subject', 'b', '--scopes', 'jobs:all', '--expires', '2020-01-01'],
      /--tenant: is missing.*--scopes.*--expires/s,
    ],
    [
      ['create', '--tenant', 'a', '--subject', 'b', '--scopes', 'jobs:read', '--expires', '1/2/2027'],
      '--expires',
    ],
    [
      ['create', '--tenant', 'a', '--subject', 'b', '--scopes', 'jobs:read', '--expires', '2999-02-31'],
      '--expires is no date: 2999-02-31',
    ],
  ])('explains itself when it is given %j', async (args, problem) => {
    const { code, stdout, stderr } = await run(...args);

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(problem);
    expect(stderr).toContain('npm run api-key -- create');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
