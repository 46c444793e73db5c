import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { GuardedChild, type ServerUser } from './child.ts';
import { freePort } from './free-port.ts';
import { describeDeath } from './server-death.ts';
import type { ServerHome } from './server-home.ts';

/** How long a server may take to stop before it is killed. */
const GRACE_SECONDS = 10;

/** Arguments: stop signal, grace in tenths of a second, then the program and its arguments. */
const SUPERVISE = `
exec 3<&0 </dev/null
signal=$1 ticks=$2
shift 2
"$@" 3<&- &
server=$!
(
  read -r _ <&3
  kill -s "$signal" "$server"
  while [ "$ticks" -gt 0 ] && kill -0 "$server"; do
    sleep 0.1
    ticks=$((ticks - 1))
  done
  kill -s KILL "$server"
) 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"
status=$?
kill -s KILL "$guard" 2>/dev/null
exit "$status"
`;

export interface ServerCommand {
  /** Display name, such as `PostgreSQL`. */
  name: string;
  program: string;
  args: string[];
  cwd: string;
  logFile: string;
  user: ServerUser | null;
  /** The signal for an orderly shutdown of this server. */
  stopSignal: 'INT' | 'QUIT' | 'TERM';
  /** Added to a minimal environment, which keeps this process's secrets from the server. */
  env?: NodeJS.ProcessEnv;
}

/** A supervised program. It runs until `stop()` or the end of this process. */
export class ServerProcess {
  readonly name: string;
  readonly #logFile: string;
  readonly #child: GuardedChild;

  constructor(command: ServerCommand) {
    this.name = command.name;
    this.#logFile = command.logFile;
    this.#child = new GuardedChild({
      script: SUPERVISE,
      args: [command.stopSignal, String(GRACE_SECONDS * 10), command.program, ...command.args],
      cwd: command.cwd,
      logFile: command.logFile,
      user: command.user,
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', ...command.env },
    });
  }

  get running(): boolean {
    return this.#child.running;
  }

  get exited(): Promise<string> {
    return this.#child.exited;
  }

  /** Lets this process end while the server runs. */
  unref(): void {
    this.#child.unref();
  }

  stop(): Promise<void> {
    return this.#child.stop((GRACE_SECONDS + 2) * 1000);
  }

  /** An error with what happened and the end of the server's log. */
  async failure(what: string): Promise<Error> {
    const cause = this.running ? '' : ` (${await this.exited})`;
    const lines = readFileSync(this.#logFile, 'utf8').trim().split('\n').slice(-15);
    return new Error(`${this.name} ${what}${cause}. The end of ${this.#logFile}:\n${lines.join('\n')}`);
  }

  /** The error for an unexpected end. */
  death(cause: string): Error {
    return new Error(describeDeath(this.name, cause, this.#logFile, readFileSync(this.#logFile, 'utf8')));
  }
}

export interface RunningServer {
  url: string;
  server: ServerProcess;
}

export interface ServerOptions {
  home: ServerHome;
  /** False for temporary data, which is not flushed to disk. */
  durable: boolean;
  log: (line: string) => void;
}

export interface Launch {
  start(port: number): ServerProcess;
  ready(port: number): Promise<boolean>;
  timeoutMs: number;
}

/**
 * Starting is retried because another process may take the port first, and orphans of a killed server may need a moment
 * to end.
 */
const ATTEMPTS = 4;

/** Starts a server on a free port and waits until it is ready. Retries if it ends at once. */
export async function launchOnFreePort(launch: Launch): Promise<{ server: ServerProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const server = launch.start(port);
    if (await becomesReady(server, () => launch.ready(port), launch.timeoutMs)) return { server, port };
    if (server.running || attempt === ATTEMPTS) {
      const error = await server.failure(server.running ? 'did not get ready in time' : 'did not start');
      await server.stop();
      throw error;
    }
    await delay(attempt * 250);
  }
}

async function becomesReady(
  server: ServerProcess,
  ready: () => Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (server.running && Date.now() < deadline) {
    if (await ready()) return server.running;
    await delay(20);
  }
  return false;
}
