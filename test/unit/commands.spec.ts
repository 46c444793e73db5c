import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

const SCRIPTS = join(import.meta.dirname, '../../scripts');
const PROGRAMS = { start: 'main.js', migrate: 'service/migrate.js', 'api-key': 'service/api-key.js' };
const STAMP = `const { fingerprint, stamp } = await import(process.argv[1]); stamp(process.argv[2], fingerprint());`;

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Root may write everywhere. */
const ORDINARY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

function runNode(
  cwd: string,
  args: string[],
  variables: Record<string, string> = {},
  account: { uid?: number; gid?: number } = {},
): Promise<Result> {
  const env = { PATH: process.env['PATH'], ...variables };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, env, ...account }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

/** A project of one source, and a build of it whose programs say what they were called with. */
describe('A command of the service', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'jobstream-commands-'));
    cpSync(SCRIPTS, join(root, 'scripts'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    mkdirSync(join(root, 'src'));
    mkdirSync(join(root, 'node_modules'));
    writeFileSync(join(root, 'src/main.ts'), '// as it was built');
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  async function build(): Promise<void> {
    mkdirSync(join(root, 'dist/src/service'), { recursive: true });
    for (const program of Object.values(PROGRAMS)) {
      const says = `console.log('${program} ' + process.argv.slice(2).join(' '));`;
      writeFileSync(join(root, 'dist/src', program), says);
    }
    const stamped = await node(['--eval', STAMP, join(root, 'scripts/built.mjs'), join(root, 'dist')]);
    expect(stamped).toEqual({ code: 0, stdout: '', stderr: '' });
  }

  function run(args: string[], variables: Record<string, string> = {}): Promise<Result> {
    return node([join(root, 'scripts/run.mjs'), ...args], variables);
  }

  function node(args: string[], variables: Record<string, string> = {}): Promise<Result> {
    return runNode(root, args, variables);
  }

  /** Every file of the build with the time of its last change. */
  function written(): unknown {
    const files = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' });
    return files.map((file) => [file, statSync(join(root, 'dist', file)).mtimeMs]);
  }

  it('runs what is built, with its arguments', async () => {
    await build();
    expect(await run(['api-key', 'create', '--tenant=a'])).toEqual({
      code: 0,
      stdout: 'service/api-key.js create --tenant=a\n',
      stderr: '',
    });
  });

  it.each(Object.entries(PROGRAMS))(
    'runs what is built when that is older than the sources, says so, and writes nothing: %s',
    async (name, program) => {
      await build();
      writeFileSync(join(root, 'src/main.ts'), '// as it is now');
      const before = written();

      const { code, stdout, stderr } = await run(name === 'api-key' ? [name, 'list'] : [name]);

      expect([code, stdout]).toMatchObject([0, expect.stringMatching(`^${program} `)]);
      expect(stderr).toMatch(/^What is built is older than the sources.*`npm run build` first.*\n$/);
      expect(written()).toEqual(before);
    },
  );

  it('takes sources that are as they were for the same, whenever they were written', async () => {
    await build();
    writeFileSync(join(root, 'src/main.ts'), '// as it was built');
    expect(await run(['migrate'])).toMatchObject({ code: 0, stderr: '' });
  });

  it('runs where there are no sources and no tools, as in the image', async () => {
    await build();
    rmSync(join(root, 'src'), { recursive: true });
    expect(await run(['api-key', 'list'])).toEqual({
      code: 0,
      stdout: 'service/api-key.js list\n',
      stderr: '',
    });
  });

  it.each([
    ['migrate', {}],
    ['api-key', {}],
    ['start', { NODE_ENV: 'production' }],
  ])('says in one sentence that nothing is built: %s', async (name, variables) => {
    expect(await run(name === 'api-key' ? [name, 'list'] : [name], variables)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Nothing is built. Run `npm run build` first.\n',
    });
    expect(existsSync(join(root, 'dist'))).toBe(false);
  });

  it.each(['start', 'demo', 'migrate', 'api-key list', 'build'])(
    'says in one sentence that packages are missing: %s',
    async (name) => {
      rmSync(join(root, 'node_modules'), { recursive: true });
      const command = name === 'build' ? ['scripts/build.mjs'] : ['scripts/run.mjs', ...name.split(' ')];

      expect(await node(command)).toEqual({
        code: 1,
        stdout: '',
        stderr: 'The packages are not installed. Run `npm ci` first.\n',
      });
    },
  );

  it.each(['start', 'demo', 'build'])(
    'says in one sentence that a checkout cannot be written, which a build has to be: %s',
    async (name) => {
      chmodSync(root, 0o555);
      const command = name === 'build' ? ['scripts/build.mjs'] : ['scripts/run.mjs', name];

      const { code, stdout, stderr } = await runNode(root, command, {}, ORDINARY);

      chmodSync(root, 0o700);
      expect([code, stdout]).toEqual([1, '']);
      const [last, ...before] = stderr.trimEnd().split('\n').toReversed();
      expect(last).toBe(
        `Nothing can be built, as ${root} cannot be written (EACCES). Make it writable, or work in a copy of your own.`,
      );
      expect(before).toEqual(name === 'build' ? [] : [expect.stringMatching(/^Nothing is built yet/)]);
    },
  );
});

/** Every command that takes arguments, in a checkout where nothing is built or installed. */
describe('A command that reads arguments', () => {
  const COMMANDS = {
    start: ['scripts/run.mjs', 'start'],
    demo: ['scripts/run.mjs', 'demo'],
    migrate: ['scripts/run.mjs', 'migrate'],
    'api-key': ['scripts/run.mjs', 'api-key'],
    build: ['scripts/build.mjs'],
    screenshots: ['scripts/screenshots/run.mjs'],
    conformance: ['test/conformance/run.mjs'],
    storm: ['test/conformance/storm.mjs'],
    bench: ['bench/run.mjs'],
    'test:chaos': ['test/chaos/run.mjs'],
    'test:attacks': ['test/attacks/run.mjs'],
  };
  let root: string;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'jobstream-arguments-'));
    for (const folder of ['scripts', 'bench', 'test/conformance', 'test/chaos', 'test/attacks'])
      cpSync(join(SCRIPTS, '..', folder), join(root, folder), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"type":"module","imports":{"#scripts/*":"./scripts/*"}}');
  });
  afterAll(() => {
    expect(readdirSync(root).toSorted()).toEqual(['bench', 'package.json', 'scripts', 'test']);
    rmSync(root, { recursive: true, force: true });
  });

  it.each(Object.entries(COMMANDS))('says what it does and how it is called: %s', async (_name, command) => {
    const { code, stdout, stderr } = await runNode(root, [...command, '--help']);

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: (npm|node) [^]*\n\nOptions[^]*\n {2}--help +says this\n[^]*\nExample\n/);
  });

  it.each(Object.entries(COMMANDS))(
    'refuses what it does not know, in a sentence and its usage: %s',
    async (_name, command) => {
      for (const unknown of ['--colour', 'colour']) {
        const { code, stdout, stderr } = await runNode(root, [...command, unknown, '--seed=x', '--memory=x']);

        expect([code, stdout]).toEqual([2, '']);
        expect(stderr).toMatch(/^[^\n]+\.\n\nUsage: (npm|node) [^]*\n\n--help says more\.\n$/);
      }
    },
  );

  it.each([
    [['revoke'], '<id> is missing.'],
    [['revoke', 'a', 'b'], '"b" is not understood.'],
    [['list', '--tenant', 'a'], "Unknown option '--tenant'."],
    [['create', '--tenant'], "Option '--tenant <value>' argument missing."],
    [[], 'Say what to do: create, list, revoke.'],
    [['toString'], '"toString" is not one of create, list, revoke.'],
  ])('names what is wrong with %j', async (args, problem) => {
    const { code, stderr } = await runNode(root, [...COMMANDS['api-key'], ...args]);

    expect([code, stderr.split('\n')[0]]).toEqual([2, problem]);
  });
});
