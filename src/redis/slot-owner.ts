import { Redis, type RedisOptions } from 'ioredis';
import { withDeadline } from '../runtime/deadline.ts';
import { errorText } from '../runtime/error-text.ts';
import type { ClusterNode, RedisCluster } from '../jobs.options.ts';

/** Longest wait for one node's answer; then another is asked. */
const ANSWER_MS = 1_500;

/** `[first slot, last slot, [host, port, …] of the master, of a replica, …]` */
type SlotRange = [number, number, ...[string | null, number, ...unknown[]][]];

interface Served {
  from: number;
  to: number;
  /** The master first, then its replicas. */
  nodes: ClusterNode[];
}

/**
 * Finds the node of a Redis Cluster that serves one hash tag. All our keys share that of the prefix, so every
 * connection needs this node only. A plain connection to it works as on a single Redis, and learns when Redis has
 * acknowledged a subscription; ioredis's own cluster client answers before that.
 */
export class SlotOwner {
  readonly #given: readonly ClusterNode[];
  #learned: ClusterNode[] = [];
  #finding: Promise<ClusterNode> | null = null;

  /** What every connection into the cluster needs, whichever the node: credentials and TLS. */
  readonly options: RedisOptions;

  /** `key`: any key with the hash tag. */
  constructor(
    private readonly cluster: RedisCluster,
    private readonly key: string,
  ) {
    this.#given = cluster.nodes.map((node) => (typeof node === 'string' ? nodeOf(node) : node));
    this.options = { ...credentialsOf(cluster.nodes), ...cluster.options };
  }

  /** Asks one node after another, as any of them may be gone or cut off; rejects with the last one's reason. */
  find(): Promise<ClusterNode> {
    this.#finding ??= this.#askAll().finally(() => (this.#finding = null));
    return this.#finding;
  }

  async #askAll(): Promise<ClusterNode> {
    const nodes = new Map([...this.#learned, ...this.#given].map((node) => [addressOf(node), node]));
    let last: unknown;
    for (const node of shuffled([...nodes.values()])) {
      try {
        return await withDeadline(this.#ask(node), ANSWER_MS, 'No answer.');
      } catch (error) {
        last = new Error(`${addressOf(node)} of the Redis Cluster: ${errorText(error)}`, { cause: error });
      }
    }
    throw last;
  }

  async #ask(node: ClusterNode): Promise<ClusterNode> {
    const redis = new Redis({ ...this.options, ...node, ...ONE_QUESTION });
    let reason: Error | null = null;
    redis.on('error', (error: Error) => (reason = error));
    try {
      await redis.connect();
      const [info, slot, ranges] = await Promise.all([
        redis.cluster('INFO'),
        redis.cluster('KEYSLOT', this.key),
        redis.cluster('SLOTS'),
      ]);
      return this.#ownerOf(slot, ranges, info, node);
    } catch (error) {
      throw reason ?? error;
    } finally {
      // Where it has ended already, ioredis would wait 2 s for the end of its socket.
      if (redis.status !== 'end') redis.disconnect();
    }
  }

  #ownerOf(slot: number, ranges: SlotRange[], info: string, asked: ClusterNode): ClusterNode {
    // A node that is cut off from the others still believes in the owners it knew, and says that it failed.
    if (!info.includes('cluster_state:ok')) throw new Error('the cluster is down, as this node sees it');
    const served = ranges.map(([from, to, ...nodes]): Served => {
      return { from, to, nodes: nodes.map(([host, port]) => this.#reach(host, port, asked)) };
    });
    const owner = served.find(({ from, to }) => from <= slot && slot <= to)?.nodes[0];
    if (!owner) throw new Error(`no node serves the slot ${slot} of ${this.key}`);
    this.#learned = served.flatMap(({ nodes }) => nodes);
    return owner;
  }

  /** A node that does not know its own name leaves it out, and means the address it was asked at. */
  #reach(host: string | null, port: number, asked: ClusterNode): ClusterNode {
    const node = { host: host && host !== '?' ? host : asked.host, port };
    return this.cluster.natMap?.[addressOf(node)] ?? node;
  }
}

const ONE_QUESTION = {
  lazyConnect: true,
  retryStrategy: null,
  enableReadyCheck: false,
  connectTimeout: ANSWER_MS,
  commandTimeout: ANSWER_MS,
  connectionName: 'jobstream:slots',
};

const addressOf = ({ host, port }: ClusterNode): string => `${host}:${port ?? 6379}`;

function nodeOf(url: string): ClusterNode {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 6379) };
}

function credentialsOf(nodes: RedisCluster['nodes']): RedisOptions {
  const url = nodes.find((node) => typeof node === 'string');
  if (url === undefined) return {};
  const { protocol, username, password } = new URL(url);
  return {
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** Spreads the questions over the nodes. */
function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
