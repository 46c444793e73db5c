import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../../packages/dev-servers/src/embedded-postgres.ts';
import { processesIn } from '../../../packages/dev-servers/src/process-table.ts';
import { postgresPrograms } from '../../../packages/dev-servers/src/postgres-programs.ts';
import type { ServerHome } from '../../../packages/dev-servers/src/server-home.ts';
import { ServerProcess } from '../../../packages/dev-servers/src/server-process.ts';
import { eventually } from '../../support/eventually.ts';

/**
 * Processes are killed here, never the machine: what a process has written survives without fsync. What it
 * has answered must have been written, so commits stay synchronous.
 */
const SETTINGS = ['unix_socket_directories=', 'max_connections=300', 'fsync=off', 'full_page_writes=off'];

/** A Postgres server that can be ended and started again at the same address with the same data. */
export class FaultyPostgres {
  #server: ServerProcess | null = null;

  private constructor(
    private readonly home: ServerHome,
    private readonly program: string,
    private readonly url: URL,
  ) {}

  static async create(home: ServerHome): Promise<FaultyPostgres> {
    const { url, server } = await startPostgres({ home, durable: true, log: () => undefined });
    await server.stop();
    const { postgres } = await postgresPrograms(home);
    const created = new FaultyPostgres(home, postgres, new URL(url));
    await created.start();
    return created;
  }

  /** An empty database, with the ledger table; resolves to its URL. */
  async createDatabase(name: string): Promise<string> {
    await this.#asAdministrator((client) => client.query(`CREATE DATABASE ${name}`));
    return this.databaseUrl(name);
  }

  databaseUrl(name: string): string {
    const url = new URL(this.url);
    url.pathname = `/${name}`;
    return url.href;
  }

  async start(): Promise<void> {
    const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
    this.#server = new ServerProcess({
      name: 'PostgreSQL',
      program: this.program,
      args: ['-D', this.#data, '-h', this.url.hostname, '-p', this.url.port, ...settings],
      cwd: this.home.dir,
      logFile: join(this.home.dir, 'postgres.log'),
      user: this.home.user,
      stopSignal: 'INT',
    });
    await eventually(() => this.#asAdministrator((client) => client.query('SELECT 1')), {
      timeoutMs: 30_000,
    });
  }

  /** Fast: transactions are rolled back, connections closed. Crash: as if the machine's power had gone. */
  async stop(how: 'fast' | 'crash'): Promise<void> {
    process.kill(this.#pid, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.#server?.exited;
  }

  /** Stops answering without closing a connection, as behind a network that swallows packets. */
  freeze(): void {
    // The parent first, so that no process is forked after the others were looked for.
    process.kill(this.#pid, 'SIGSTOP');
    this.#signalAll('SIGSTOP');
  }

  thaw(): void {
    this.#signalAll('SIGCONT');
  }

  /** Thaws or starts it, whatever it needs. */
  async mend(): Promise<void> {
    if (this.#server?.running) this.thaw();
    else await this.start();
  }

  async close(): Promise<void> {
    // A frozen server would not hear that it should end.
    if (this.#server?.running) this.thaw();
    await this.#server?.stop();
  }

  #signalAll(signal: NodeJS.Signals): void {
    for (const pid of processesIn(realpathSync(this.#data), ['postgres'])) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        // A connection's process ends by itself, maybe since it was looked for.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  get #pid(): number {
    return Number(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  get #data(): string {
    return join(this.home.dir, 'postgres', 'data');
  }

  async #asAdministrator<T>(act: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: this.url.href });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await act(client);
    } finally {
      await client.end();
    }
  }
}
