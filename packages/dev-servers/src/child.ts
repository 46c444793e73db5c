// A server that we start must end when we end, even by kill -9, and must not see the terminal's Ctrl-C while
// we still drain. So a small shell in a session of its own holds a pipe to us: the pipe closes, it acts.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';

/** The account that a child runs under. */
export interface ServerUser {
  uid: number;
  gid: number;
}

export interface ChildOptions {
  /** A POSIX shell script; it runs until its standard input ends and then cleans up. */
  script: string;
  args: string[];
  cwd: string;
  /** Output goes to this file, which is emptied first; null drops it. */
  logFile: string | null;
  /** null: our own account. */
  user: ServerUser | null;
  env: NodeJS.ProcessEnv;
}

/** A shell script that watches over something for as long as this process lives. */
export class GuardedChild {
  /** Settles when the script has ended, with the cause in words: `exit code 1`, `signal SIGKILL`. */
  readonly exited: Promise<string>;
  #child: ChildProcess;
  #running = true;

  constructor(options: ChildOptions) {
    const output = options.logFile === null ? 'ignore' : openSync(options.logFile, 'w', 0o600);
    try {
      this.#child = spawn('/bin/sh', ['-c', options.script, 'jobstream', ...options.args], {
        cwd: options.cwd,
        detached: true,
        stdio: ['pipe', output, output],
        env: options.env,
        ...options.user,
      });
    } finally {
      if (typeof output === 'number') closeSync(output);
    }
    this.exited = this.#whenExited();
  }

  get running(): boolean {
    return this.#running;
  }

  /** From now on this process may end while the script runs; the script sees the pipe close and ends too. */
  unref(): void {
    this.#child.unref();
    if (this.#child.stdin instanceof Socket) this.#child.stdin.unref();
  }

  /** Closes the pipe and waits; whatever is left after the deadline is killed. Harmless to repeat. */
  async stop(deadlineMs: number): Promise<void> {
    if (!this.#running) return;
    this.#child.ref();
    this.#child.stdin?.end();
    const deadline = setTimeout(() => this.#kill(), deadlineMs);
    await this.exited;
    clearTimeout(deadline);
  }

  /** The script leads a process group, so its server goes with it. */
  #kill(): void {
    const { pid } = this.#child;
    if (pid !== undefined && this.#running) process.kill(-pid, 'SIGKILL');
  }

  #whenExited(): Promise<string> {
    return new Promise((resolve) => {
      const end = (cause: string): void => {
        this.#running = false;
        resolve(cause);
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('exit', (code, signal) => end(describeExit(code, signal)));
      // A script that is gone refuses what we write (EPIPE); its exit already says so.
      this.#child.stdin?.on('error', () => undefined);
    });
  }
}

/** A shell reports a command that died by signal n as 128 + n. */
function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  const number = code !== null && code > 128 ? code - 128 : null;
  const name = signal ?? Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name ? `signal ${name}` : `exit code ${code}`;
}
