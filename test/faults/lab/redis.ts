import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../../src/service/embedded/free-port.ts';
import { findRedis } from '../../../src/service/embedded/redis-program.ts';
import { makePrivateFolder, type ServerHome } from '../../../src/service/embedded/server-home.ts';
import { ServerProcess } from '../../../src/service/embedded/server-process.ts';
import { eventually } from '../../support/eventually.ts';

export type ConnectionKind = 'normal' | 'pubsub' | 'blocked';

/** A Redis server, append-only, that can be ended and started again at the same address with the same data. */
export class FaultyRedis {
  #server: ServerProcess | null = null;
  #pid = 0;

  private constructor(
    private readonly home: ServerHome,
    private readonly program: string,
    private readonly port: number,
  ) {}

  static async create(home: ServerHome): Promise<FaultyRedis> {
    const program = await findRedis(() => undefined);
    if (program.kind !== 'local') throw new Error('Fault tests need redis-server or valkey-server on PATH.');
    makePrivateFolder(join(home.dir, 'redis'), home.user);
    const created = new FaultyRedis(home, program.path, await freePort());
    await created.start();
    return created;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.#server = new ServerProcess({
      name: 'Redis',
      program: this.program,
      args: ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'yes'],
      cwd: join(this.home.dir, 'redis'),
      logFile: join(this.home.dir, 'redis.log'),
      user: this.home.user,
      stopSignal: 'TERM',
    });
    const info = await eventually(() => this.command((redis) => redis.info('server')), { timeoutMs: 30_000 });
    this.#pid = Number(/process_id:(\d+)/.exec(info)?.[1]);
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    process.kill(this.#pid, signal);
    await this.#server?.exited;
  }

  /** Stops answering without closing a connection, as behind a network that swallows packets. */
  freeze(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  /** Closes the connections of one kind; resolves to how many there were. */
  killConnections(kind: ConnectionKind): Promise<number> {
    return this.command(async (redis) => {
      const clients = parseClients(await redis.client('LIST'));
      const own = String(await redis.client('ID'));
      const chosen = clients.filter((client) => client['id'] !== own && kindOf(client) === kind);
      for (const { id } of chosen) await redis.client('KILL', 'ID', Number(id));
      return chosen.length;
    });
  }

  async command<T>(act: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.url, { lazyConnect: true, retryStrategy: null, commandTimeout: 5_000 });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      return await act(redis);
    } finally {
      redis.disconnect();
    }
  }

  async mend(): Promise<void> {
    if (this.#server?.running) this.thaw();
    else await this.start();
  }

  async close(): Promise<void> {
    await this.#server?.stop();
  }
}

/** One line per connection: `id=7 addr=… flags=b sub=0 …`. */
function parseClients(list: unknown): Record<string, string>[] {
  const lines = String(list).trim().split('\n');
  return lines.map((line) =>
    Object.fromEntries(line.split(' ').map((field) => field.split(/=(.*)/s).slice(0, 2))),
  );
}

function kindOf({ flags = '' }: Record<string, string>): ConnectionKind {
  if (flags.includes('P')) return 'pubsub';
  return flags.includes('b') ? 'blocked' : 'normal';
}
