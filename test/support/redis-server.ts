import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { ServerUser } from '../../packages/dev-servers/src/child.ts';
import { freePort } from '../../packages/dev-servers/src/free-port.ts';
import { findRedis } from '../../packages/dev-servers/src/redis-program.ts';
import { ServerProcess } from '../../packages/dev-servers/src/server-process.ts';
import { eventually } from './eventually.ts';

export interface RedisServerOptions {
  /** An empty folder, or that of an earlier server. */
  cwd: string;
  /** Beside `--port` and `--bind`. */
  args: string[];
  user?: ServerUser | null;
}

/** A Redis server of a test's own, which can be ended, frozen, and started again at the same address. */
export class RedisServer {
  #server: ServerProcess | null = null;
  #pid = 0;

  protected constructor(
    private readonly options: RedisServerOptions,
    private readonly program: string,
    readonly port: number,
  ) {}

  static async create(options: RedisServerOptions): Promise<RedisServer> {
    const created = new RedisServer(options, await redisProgram(), await freePort());
    await created.start();
    return created;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const { cwd, args, user = null } = this.options;
    this.#server = new ServerProcess({
      name: 'Redis',
      program: this.program,
      args: [...args, '--port', String(this.port), '--bind', '127.0.0.1'],
      cwd,
      logFile: join(cwd, 'redis.log'),
      user,
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

  /** The names of the connections that the library has to this server, sorted. */
  connections(): Promise<string[]> {
    return this.command(async (redis) => {
      const list = String(await redis.client('LIST'));
      return [...list.matchAll(/ name=(jobstream:\S+)/g)].map(([, name = '']) => name).toSorted();
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
}

export async function redisProgram(): Promise<string> {
  const program = await findRedis(() => undefined);
  if (program.kind !== 'local') throw new Error('These tests need redis-server or valkey-server on PATH.');
  return program.path;
}
