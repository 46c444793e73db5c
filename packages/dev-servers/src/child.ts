// A server that this process starts must end with this process, even after kill -9, but must not receive the terminal's
// Ctrl-C while this process still drains. So a small shell in its own session holds a pipe to this process and acts
// when the pipe closes.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';

/** The account under which a child runs. */
export interface ServerUser {
  uid: number;
  gid: number;
}

export interface ChildOptions {
  /** A POSIX shell script that runs until its standard input ends, and then cleans up. */
  script: string;
  args: string[];
  cwd: string;
  /** File for the output, truncated first; null discards the output. */
  logFile: string | null;
  /** Null means the account of this process. */
  user: ServerUser | null;
  env: NodeJS.ProcessEnv;
}

/** A shell script that runs as long as this process and then cleans up. */
export class GuardedChild {
  /** Resolves when the script has ended, to the cause as text: `exit code 1`, `signal SIGKILL`. */
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

  /** Lets this process end while the script runs. The script sees the pipe close and ends too. */
  unref(): void {
    this.#child.unref();
    if (this.#child.stdin instanceof Socket) this.#child.stdin.unref();
  }

  /** Closes the pipe and waits; kills the script and its server after the deadline. May be called again. */
  async stop(deadlineMs: number): Promise<void> {
    if (!this.#running) return;
    this.#child.ref();
    this.#child.stdin?.end();
    const deadline = setTimeout(() => this.#kill(), deadlineMs);
    await this.exited;
    clearTimeout(deadline);
  }

  /** The script leads a process group, so this also kills its server. */
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
      // Writing to a script that has ended fails with EPIPE. Its exit was already reported.
      this.#child.stdin?.on('error', () => undefined);
    });
  }
}

/** A shell reports a command that was killed by signal n as exit code 128 + n. */
function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  const number = code !== null && code > 128 ? code - 128 : null;
  const name = signal ?? Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name ? `signal ${name}` : `exit code ${code}`;
}
