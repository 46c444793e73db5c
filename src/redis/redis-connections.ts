import { once } from 'node:events';
import { Injectable, Logger } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import { type RedisTarget, ResolvedOptions } from '../jobs.options.ts';
import { Outage } from '../runtime/outage.ts';
import type { Part } from '../runtime/part.ts';
import { foundConnector } from './found-connector.ts';
import { type Keys, redisKeys } from './keys.ts';
import { keepAlive } from './liveness.ts';
import { SlotOwner } from './slot-owner.ts';

export type BullConnection = 'client' | 'subscriber' | 'bclient';

/** Longest wait for the answer to a command that does not block. */
const COMMAND_TIMEOUT_MS = 5_000;
/** What a server answers that was demoted: then the master is looked for anew. */
const DEMOTED = ['READONLY', 'MASTERDOWN', 'UNBLOCKED'];
/** What a node of a cluster answers that does not serve our slot, or serves none. */
const MOVED = ['MOVED', 'CLUSTERDOWN'];
/** Longest wait for one sentinel's answer; then another is asked. */
const SENTINEL_TIMEOUT_MS = 2_000;

/**
 * The process's Redis connections: one for commands (ours and Bull's), one for our subscriptions, one for
 * Bull's, and a blocking one per queue that it works on. None per viewer, none per request. On a Redis Cluster all of
 * them go to the node that serves our hash tag, and behind Sentinel to the master.
 */
@Injectable()
export class RedisConnections implements Part {
  readonly keys: Keys;
  readonly command: Redis;
  readonly subscriber: Redis;
  readonly #log = new Logger('Jobstream Redis');
  readonly #all: Redis[] = [];
  readonly #outage = new Outage('Jobstream Redis', 'Redis is back');
  readonly #stops: (() => Promise<void>)[] = [];
  readonly #target: RedisOptions | string;
  readonly #reconnectOn: readonly string[];
  #bullSubscriber: Redis | null = null;

  constructor({ redis, prefix }: ResolvedOptions) {
    this.keys = redisKeys(prefix);
    this.#target = isCluster(redis) ? clusterTarget(redis, prefix) : redis;
    this.#reconnectOn = isCluster(redis) ? [...DEMOTED, ...MOVED] : DEMOTED;
    // Fails at once while Redis is away. A queue of commands in memory would grow as long as it is, and then repeat what
    // has been done again from the rows meanwhile.
    this.command = this.#connect('command', {
      enableOfflineQueue: false,
      commandTimeout: COMMAND_TIMEOUT_MS,
      // Sentinels tell it of a new master. Without that it would stay with an old one that still answers, whose writes are
      // lost. The other connections follow this one.
      failoverDetector: true,
    });
    // `Subscriptions` subscribes again itself: it has to know when Redis has acknowledged each, as what is published
    // before that never comes.
    this.subscriber = this.#connect('subscriber', { autoResubscribe: false, enableOfflineQueue: false });
    this.command.on('ready', () => this.#outage.over());
    this.command.on('ready', () => this.#followCommand());
    this.command.on('ready', () => void this.#warnOfSettings(isCluster(redis)));
    this.command.on('error', (error: Error) =>
      this.#outage.told('Redis cannot be reached; jobs are kept in Postgres', error),
    );
  }

  /** What Bull's `createClient` is to return. */
  forBull(type: BullConnection): Redis {
    if (type === 'client') return this.command;
    // 0, not Bull's usual null: a read that a lost connection interrupts fails at once, and Bull reads again.
    // With null the read may be sent again and never be answered, so that the queue stands still.
    if (type === 'bclient') return this.#connectBlocking();
    this.#bullSubscriber ??= handled(
      this.#connect('bull-events', { maxRetriesPerRequest: null, enableReadyCheck: false }),
    );
    return this.#bullSubscriber;
  }

  /** Resolves once commands can be sent; rejects with the first error, or after `timeoutMs`. */
  async ready(timeoutMs: number): Promise<void> {
    if (this.command.status === 'ready') return;
    await once(this.command, 'ready', { signal: AbortSignal.timeout(timeoutMs) });
  }

  async stop(): Promise<void> {
    const stopped = this.#stops.map((stop) => stop());
    for (const redis of this.#all) redis.disconnect();
    await Promise.all(stopped);
  }

  /**
   * ioredis declares a connection without a ready check ready when its greeting is over. Where commands fail at once, a
   * close in the middle of that is such an end, and the connection is never made anew. So this one greets with nothing,
   * and says its name later.
   */
  #connectBlocking(): Redis {
    // As every connection is ready at once, ioredis would count none that is closed before it has said anything.
    let unheard = 0;
    const blocking = this.#connect('bull', {
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
      connectionName: undefined,
      disableClientInfo: true,
      retryStrategy: () => reconnectDelay((unheard += 1)),
    });
    const heard = (): void => void (unheard = 0);
    // For whoever looks at CLIENT LIST; what matters fails with it. A refusal is an answer as well.
    const refused = (error: Error): void => (error.name === 'ReplyError' ? heard() : undefined);
    blocking.on('ready', () => void blocking.client('SETNAME', nameOf('bull')).then(heard, refused));
    return blocking;
  }

  #connect(name: string, own: RedisOptions): Redis {
    const options: RedisOptions = {
      keepAlive: 10_000,
      // Where the connection is gone already, ioredis waits this long for its end.
      disconnectTimeout: 250,
      connectionName: nameOf(name),
      retryStrategy: reconnectDelay,
      reconnectOnError: ({ message }) =>
        this.#reconnectOn.some((word) => message.startsWith(word)) ? 2 : false,
      sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
      ...own,
    };
    const target = this.#target;
    const connection =
      typeof target === 'string' ? new Redis(target, options) : new Redis({ ...target, ...options });
    connection.setMaxListeners(0);
    // The command connection reports for all; without a listener ioredis prints each error.
    connection.on('error', () => undefined);
    this.#all.push(connection);
    this.#stops.push(keepAlive(connection, nameOf(name), this.#log));
    return connection;
  }

  /**
   * A server that was replaced may keep its connections: nothing is published to it any more, and Bull's reads wait
   * for what never comes. So all of them go where the commands go.
   */
  #followCommand(): void {
    const server = serverOf(this.command);
    for (const redis of this.#all)
      if (redis.status === 'ready' && serverOf(redis) !== server) redis.disconnect(true);
  }

  /** Where INFO is not allowed, nothing can be said. */
  async #warnOfSettings(asCluster: boolean): Promise<void> {
    const info = await this.command.info().catch(() => '');
    const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1] ?? 'noeviction';
    // An eviction takes queued entries and locks without a word. No job is lost, but it waits until it is offered again.
    if (policy !== 'noeviction')
      this.#log.warn(
        `Redis may evict keys (maxmemory-policy ${policy}), which delays jobs. Set it to noeviction.`,
      );
    if (!asCluster && info.includes('redis_mode:cluster'))
      this.#log.error(
        'Redis is one node of a Redis Cluster, and refuses what others serve. Give JobsModule all of it: redis: { cluster: { nodes } }.',
      );
  }
}

/**
 * ioredis subscribes again after a reconnect and does not look at what comes of it. A process that stops meanwhile would
 * be ended by that rejection; whoever else subscribes is told of it as ever.
 */
function handled(redis: Redis): Redis {
  for (const name of ['subscribe', 'psubscribe'] as const) {
    const send = redis[name].bind(redis) as (...channels: unknown[]) => Promise<unknown>;
    const sent = (...channels: unknown[]): Promise<unknown> => {
      const answer = send(...channels);
      // Only so that it counts as handled: who awaits the answer itself has the rejection as well.
      answer.catch(() => undefined);
      return answer;
    };
    Object.assign(redis, { [name]: sent });
  }
  return redis;
}

/** Milliseconds before the n-th attempt in a row. */
function reconnectDelay(times: number): number {
  return Math.min(100 * 2 ** Math.min(times, 5), 2_000) * (0.75 + Math.random() / 2);
}

/** As CLIENT LIST and our logs call a connection. */
function nameOf(name: string): string {
  return `jobstream:${name}`;
}

function isCluster(redis: RedisTarget): redis is Extract<RedisTarget, { cluster: unknown }> {
  return typeof redis === 'object' && 'cluster' in redis;
}

function clusterTarget(
  { cluster }: Extract<RedisTarget, { cluster: unknown }>,
  prefix: string,
): RedisOptions {
  const owner = new SlotOwner(cluster, prefix);
  return { ...owner.options, Connector: foundConnector(() => owner.find()) };
}

function serverOf({ stream }: Redis): string {
  return `${stream.remoteAddress}:${stream.remotePort}`;
}
