import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../../src/service/embedded/embedded-postgres.ts';
import { postgresPrograms } from '../../../src/service/embedded/postgres-programs.ts';
import type { ServerHome } from '../../../src/service/embedded/server-home.ts';
import { ServerProcess } from '../../../src/service/embedded/server-process.ts';
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
    const [pid] = readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.#server?.exited;
  }

  async mend(): Promise<void> {
    if (!this.#server?.running) await this.start();
  }

  async close(): Promise<void> {
    await this.#server?.stop();
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
