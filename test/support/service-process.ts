import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { collectOutput } from './collected-log.ts';
import { testFolder } from './services.ts';
import { eventually } from './eventually.ts';

const ROOT = join(import.meta.dirname, '../..');
/** The folder that is run from, once `ensureBuilt()` knows it. */
let dist = 'dist';
/** Outside production the service shows the token that it has made up, and the page that has it. */
const ANNOUNCED = /^ {2}(?:Dashboard|TOKEN=).*$/gm;
const START_MS = 60_000;
const BUILD_MS = 120_000;

export interface Exit {
  /** Null when a signal ended the process. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The built service as a process of its own, in an empty folder unless one is given, with these variables and no others. */
export class ServiceProcess {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(variables: Record<string, string>, script = 'main.js', folder = testFolder()) {
    const { PATH = '', HOME = '' } = process.env;
    this.#child = spawn(process.execPath, [builtProgram(script)], {
      cwd: folder,
      env: { PATH, HOME, NO_COLOR: '1', ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#exited = once(this.#child, 'close').then(() => {
      collectOutput(script, this.stderr);
      // What a command prints on stdout is its result, such as a new API key.
      if (script === 'main.js') collectOutput(script, this.stdout.replaceAll(ANNOUNCED, ''));
    });
  }

  /** Starts the service and waits until it listens; throws with its output when it does not. */
  static async start(
    variables: Record<string, string>,
    script?: string,
    folder?: string,
  ): Promise<ServiceProcess> {
    const service = new ServiceProcess(variables, script, folder);
    try {
      await eventually(() => service.url, { timeoutMs: START_MS });
      return service;
    } catch (cause) {
      await service.stop();
      throw new Error(`The service did not start:\n${service.stdout}${service.stderr}`, { cause });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Where it listens; throws until it does. */
  get url(): string {
    const url = /Listening on (http:\S+)/.exec(this.stdout)?.[1];
    if (!url) throw new Error('It does not listen.');
    return url;
  }

  /** Waits for the end of the process, and of its output. */
  async exit(): Promise<Exit> {
    await this.#exited;
    const { stdout, stderr } = this;
    return { code: this.#child.exitCode, stdout, stderr };
  }

  /** Ends it like a deployment does. */
  async stop(): Promise<Exit> {
    this.#child.kill('SIGTERM');
    return this.exit();
  }
}

/** A program of the build, such as `main.js`. */
export function builtProgram(name: string): string {
  return join(ROOT, dist, 'src', name);
}

/** Builds the project unless that was done since the sources were last changed. */
export async function ensureBuilt(): Promise<void> {
  // Two suites must not build into the same folder at once; a directory is made by one of them only.
  const lock = join(process.env['TEST_FOLDER'] ?? '', 'building');
  await eventually(() => mkdir(lock), { timeoutMs: BUILD_MS });
  try {
    const args = [join(ROOT, 'scripts/ensure-built.mjs'), '--beside'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: BUILD_MS });
    dist = stdout.trim().split('\n').at(-1) ?? dist;
  } finally {
    await rmdir(lock);
  }
}
