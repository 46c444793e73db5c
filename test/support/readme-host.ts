import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { collectOutput } from './collected-log.ts';
import { blocksOf } from './documents.ts';
import { eventually } from './eventually.ts';
import { secret } from './secrets.ts';
import { builtProgram, ensureBuilt } from './service-process.ts';
import { createTestDatabase, type TestDatabase, testFolder, testRedis } from './services.ts';

const ROOT = join(import.meta.dirname, '../..');
const START_MS = 60_000;
const JWT_SECRET = 'a secret of the README that is long enough for HS256';

/** The host of the README, compiled as it stands there and run on servers of the tests, with a token of its token script. */
export class ReadmeHost {
  private constructor(
    readonly url: string,
    readonly token: string,
    private readonly child: ChildProcess,
    private readonly database: TestDatabase,
  ) {}

  static async start(): Promise<ReadmeHost> {
    await ensureBuilt();
    const folder = compileSamples();
    const database = await createTestDatabase();
    const port = await freePort();
    const env = { DATABASE_URL: database.url, REDIS_URL: testRedis().url, PORT: String(port), JWT_SECRET };
    const { stdout } = await promisify(execFile)(process.execPath, ['src/dev-token.js'], {
      cwd: folder,
      env,
    });
    const child = spawn(process.execPath, ['src/main.js'], { cwd: folder, env: { ...env, NO_COLOR: '1' } });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => collectOutput('the host of the README', chunk.toString()));
    const host = new ReadmeHost(`http://127.0.0.1:${port}`, secret(stdout.trim()), child, database);
    await host.#untilItAnswers();
    return host;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await exited;
    }
    await this.database.drop();
  }

  async #untilItAnswers(): Promise<void> {
    try {
      await eventually(() => fetch(`${this.url}/jobs`).then((answer) => answer.body?.cancel()), {
        timeoutMs: START_MS,
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
  }
}

/** An application with the samples as its sources, the packages of this repository, and the built one beside them. */
function compileSamples(): string {
  const folder = testFolder();
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const app = join(folder, 'app');
  const built = pathToFileURL(builtProgram('index.js')).href;
  write(join(app, 'package.json'), JSON.stringify({ type: 'module' }));
  write(join(app, 'node_modules/nestjs-jobstream/index.js'), `export * from '${built}';\n`);
  write(
    join(app, 'node_modules/nestjs-jobstream/package.json'),
    JSON.stringify({ type: 'module', exports: './index.js' }),
  );
  for (const { file, code } of blocksOf('README.md', 'ts')) {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    });
    write(join(app, file.replace(/\.ts$/, '.js')), outputText);
  }
  return app;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
