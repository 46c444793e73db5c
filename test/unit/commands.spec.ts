import { execFile } from 'node:child_process';
import {
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
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const SCRIPTS = join(import.meta.dirname, '../../scripts');
const PROGRAMS = { start: 'main.js', migrate: 'service/migrate.js', 'api-key': 'service/api-key.js' };
const STAMP = `const { fingerprint, stamp } = await import(process.argv[1]); stamp(process.argv[2], fingerprint());`;

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** A project of one source, and a build of it whose programs say what they were called with. */
describe('A command of the service', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'jobstream-commands-'));
    cpSync(SCRIPTS, join(root, 'scripts'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    mkdirSync(join(root, 'src'));
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
    const env = { PATH: process.env['PATH'], ...variables };
    return new Promise((resolve) => {
      execFile(process.execPath, args, { cwd: root, env }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });
  }

  /** Every file of the build with the time of its last change. */
  function written(): unknown {
    const files = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' });
    return files.map((file) => [file, statSync(join(root, 'dist', file)).mtimeMs]);
  }

  it.each(Object.entries(PROGRAMS))('runs what is built, with its arguments: %s', async (name, program) => {
    await build();
    expect(await run([name, 'create', '--tenant=a'])).toEqual({
      code: 0,
      stdout: `${program} create --tenant=a\n`,
      stderr: '',
    });
  });

  it.each(Object.entries(PROGRAMS))(
    'runs what is built when that is older than the sources, says so, and writes nothing: %s',
    async (name, program) => {
      await build();
      writeFileSync(join(root, 'src/main.ts'), '// as it is now');
      const before = written();

      const { code, stdout, stderr } = await run([name]);

      expect([code, stdout]).toEqual([0, `${program} \n`]);
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
    expect(await run([name], variables)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Nothing is built. Run `npm run build` first.\n',
    });
    expect(existsSync(join(root, 'dist'))).toBe(false);
  });
});
