import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.ts';

const HERE = join(import.meta.dirname, '..');
/** `ledger` is the host of `ledger.work`; `service` is the reference service, which does not know that type. */
const PROGRAMS = {
  ledger: join(HERE, 'ledger-host.mjs'),
  service: join(HERE, '../../dist/src/main.js'),
};
const START_MS = 60_000;
const KEPT_OUTPUT = 50_000;

export interface HostOptions {
  program: keyof typeof PROGRAMS;
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/** One process of the built application. */
export class Host {
  #output = '';
  /** Resolves when the process has ended, to its exit code or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;

  private constructor(private readonly child: ChildProcess) {
    const keep = (chunk: Buffer): void =>
      void (this.#output = (this.#output + String(chunk)).slice(-KEPT_OUTPUT));
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.exited = once(child, 'exit').then(([code, signal]) => code ?? signal);
  }

  /** Starts without waiting. */
  static launch({ program, env, cwd }: HostOptions): Host {
    const { PATH, HOME } = process.env;
    const args = ['--import', join(HERE, 'orphan-guard.mjs'), PROGRAMS[program]];
    return new Host(spawn(process.execPath, args, { cwd, env: { PATH, HOME, NO_COLOR: '1', ...env } }));
  }

  /** Resolves to the address once it listens; throws with its output when it does not. */
  async listening(): Promise<string> {
    return eventually(
      () => {
        const url = /Listening on (\S+)/.exec(this.#output)?.[1];
        if (url) return url;
        throw new Error(`The process does not listen. Its output:\n${this.#output}`);
      },
      { timeoutMs: this.alive ? START_MS : 0 },
    );
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get output(): string {
    return this.#output;
  }

  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** Ends the process at once. */
  async kill(): Promise<void> {
    if (this.alive) this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Asks for an orderly end; resolves to the exit code. */
  async terminate(): Promise<number | NodeJS.Signals> {
    if (this.alive) this.child.kill('SIGTERM');
    return this.exited;
  }
}
