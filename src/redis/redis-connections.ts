import { once } from 'node:events';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import { faultText } from '../job/loggable.ts';
import { JOBS_OPTIONS, type ResolvedOptions } from '../jobs.options.ts';

export type BullConnection = 'client' | 'subscriber' | 'bclient';

/** Longest wait for the answer to a command that does not block. */
const COMMAND_TIMEOUT_MS = 5_000;
/**
 * The process's Redis connections: one for commands (ours and Bull's), one for our subscriptions, one for
 * Bull's, and a blocking one per queue that it works on. None per viewer, none per request.
 */
@Injectable()
export class RedisConnections {
  readonly command: Redis;
  readonly subscriber: Redis;
  readonly #log = new Logger('Jobstream Redis');
  readonly #all: Redis[] = [];
  #bullSubscriber: Redis | null = null;
  #down = false;

  constructor(@Inject(JOBS_OPTIONS) private readonly options: ResolvedOptions) {
    // Fails at once while Redis is away: what it would have done is done again from the rows (pitfall B6).
    this.command = this.#connect('command', {
      enableOfflineQueue: false,
      commandTimeout: COMMAND_TIMEOUT_MS,
    });
    // The hub subscribes again itself, so that it knows when a subscription is acknowledged (pitfall C1).
    this.subscriber = this.#connect('subscriber', { autoResubscribe: false, enableOfflineQueue: false });
    this.command.on('ready', () => this.#report(null));
    this.command.on('ready', () => void this.#warnOfEviction());
    this.command.on('error', (error: Error) => this.#report(error));
  }

  /** What Bull's `createClient` is to return. */
  forBull(type: BullConnection): Redis {
    if (type === 'client') return this.command;
    // 0, not Bull's usual null: a read that a lost connection interrupts fails at once, and Bull reads again.
    // With null it may be sent again and never be answered (pitfall B5).
    if (type === 'bclient')
      return this.#connect('bull', { maxRetriesPerRequest: 0, enableReadyCheck: false });
    this.#bullSubscriber ??= this.#connect('bull-events', {
      maxRetriesPerRequest: null,
      enableReadyCheck: false,
    });
    return this.#bullSubscriber;
  }

  /** Resolves once commands can be sent; rejects with the first error, or after `timeoutMs`. */
  async ready(timeoutMs: number): Promise<void> {
    if (this.command.status === 'ready') return;
    await once(this.command, 'ready', { signal: AbortSignal.timeout(timeoutMs) });
  }

  close(): void {
    for (const redis of this.#all) redis.disconnect();
  }

  #connect(name: string, own: RedisOptions): Redis {
    const { redis } = this.options;
    const options: RedisOptions = {
      keepAlive: 10_000,
      // Where the connection is gone already, ioredis waits this long for its end.
      disconnectTimeout: 250,
      connectionName: `jobstream:${name}`,
      retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 5), 2_000) * (0.75 + Math.random() / 2),
      reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
      ...own,
    };
    const connection =
      typeof redis === 'string' ? new Redis(redis, options) : new Redis({ ...redis, ...options });
    connection.setMaxListeners(0);
    // The command connection reports for all; without a listener ioredis prints each error.
    connection.on('error', () => undefined);
    this.#all.push(connection);
    return connection;
  }

  /** A Redis that evicts loses queued entries and locks without a word; jobs survive it, but wait (pitfall B27). */
  async #warnOfEviction(): Promise<void> {
    // Where INFO is not allowed, nothing can be said.
    const memory = await this.command.info('memory').catch(() => '');
    const policy = /maxmemory_policy:(\S+)/.exec(memory)?.[1] ?? 'noeviction';
    if (policy === 'noeviction') return;
    this.#log.warn(
      `Redis may evict keys (maxmemory-policy ${policy}), which delays jobs. Set it to noeviction.`,
    );
  }

  #report(error: Error | null): void {
    if (error && !this.#down)
      this.#log.error(`Redis cannot be reached: ${faultText(error)}. Jobs are kept in Postgres.`);
    if (!error && this.#down) this.#log.log('Redis is back.');
    this.#down = error !== null;
  }
}
