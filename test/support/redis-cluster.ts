import type { Redis } from 'ioredis';
import { freePort } from '../../packages/dev-servers/src/free-port.ts';
import { eventually } from './eventually.ts';
import { RedisServer } from './redis-server.ts';
import { testFolder } from './services.ts';

const SLOTS = 16_384;
const MASTERS = 3;
/** Milliseconds after which the others give a node up. */
const NODE_TIMEOUT = '1000';

/** A Redis Cluster of three masters and one replica, of the master that serves one key. */
export class TestCluster {
  private constructor(
    readonly nodes: RedisServer[],
    private readonly slot: number,
  ) {}

  /** `key`: any with the hash tag that the test is about. */
  static async start(key: string): Promise<TestCluster> {
    const busPorts = await Promise.all(Array.from({ length: MASTERS + 1 }, () => freePort()));
    const nodes = await Promise.all(busPorts.map((busPort) => startNode(busPort)));
    const [first] = nodes;
    if (!first) throw new Error('No node was started.');
    const cluster = new TestCluster(nodes, await first.command((redis) => redis.cluster('KEYSLOT', key)));
    await cluster.#form(busPorts);
    return cluster;
  }

  /** The node that serves the key now, as the other nodes see it. */
  async owner(): Promise<RedisServer> {
    const ports = await Promise.all(
      this.nodes.map((node) => node.command((redis) => this.#ownerPort(redis)).catch(() => 0)),
    );
    const [port] = ports.filter((one) => one > 0);
    if (ports.some((one) => one > 0 && one !== port)) throw new Error(`The nodes disagree: ${ports.join()}`);
    const found = this.nodes.find((node) => node.port === port);
    if (!found) throw new Error('No node serves the key.');
    return found;
  }

  /** Gives the slot, with all its keys, to another master; resolves to that. */
  async moveSlot(): Promise<RedisServer> {
    const from = await this.owner();
    const to = await this.#otherMaster(from);
    const [fromId, toId] = await Promise.all([idOf(from), idOf(to)]);
    await to.command((redis) => redis.cluster('SETSLOT', this.slot, 'IMPORTING', fromId));
    await from.command(async (redis) => {
      await redis.cluster('SETSLOT', this.slot, 'MIGRATING', toId);
      for (;;) {
        const keys = await redis.cluster('GETKEYSINSLOT', this.slot, 100);
        if (keys.length === 0) break;
        await redis.migrate('127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
      }
    });
    for (const node of [to, from, ...(await this.#masters())])
      await node.command((redis) => redis.cluster('SETSLOT', this.slot, 'NODE', toId));
    return to;
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  async #form(busPorts: number[]): Promise<void> {
    const [first, ...others] = this.nodes;
    for (const [index, node] of this.nodes.slice(0, MASTERS).entries()) {
      const from = Math.floor((SLOTS * index) / MASTERS);
      const to = Math.floor((SLOTS * (index + 1)) / MASTERS) - 1;
      await node.command((redis) => redis.cluster('ADDSLOTSRANGE', from, to));
    }
    for (const [index, node] of others.entries())
      await first?.command((redis) =>
        redis.call('CLUSTER', 'MEET', '127.0.0.1', node.port, busPorts[index + 1] ?? 0),
      );
    await this.#settled();
    const owner = await idOf(await this.owner());
    await this.nodes[MASTERS]?.command((redis) => redis.cluster('REPLICATE', owner));
    await eventually(() => this.nodes[MASTERS]?.command(isSynchronised), { timeoutMs: 15_000 });
  }

  /** Resolves once every node knows all others, and that all slots are served. */
  async #settled(): Promise<void> {
    const check = (redis: Redis): Promise<void> =>
      redis.cluster('INFO').then((info) => {
        if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${this.nodes.length}`))
          throw new Error(info);
      });
    await eventually(() => Promise.all(this.nodes.map((node) => node.command(check))), { timeoutMs: 15_000 });
  }

  async #ownerPort(redis: Redis): Promise<number> {
    const info = await redis.cluster('INFO');
    if (!info.includes('cluster_state:ok')) return 0;
    const ranges = await redis.cluster('SLOTS');
    return ranges.find(([from, to]) => from <= this.slot && this.slot <= to)?.[2]?.[1] ?? 0;
  }

  async #masters(): Promise<RedisServer[]> {
    const roles = await Promise.all(this.nodes.map((node) => node.command((redis) => redis.role())));
    return this.nodes.filter((_node, index) => roles[index]?.[0] === 'master');
  }

  async #otherMaster(node: RedisServer): Promise<RedisServer> {
    const other = (await this.#masters()).find((master) => master !== node);
    if (!other) throw new Error('There is no other master.');
    return other;
  }
}

function startNode(busPort: number): Promise<RedisServer> {
  const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)];
  const failover = ['--cluster-node-timeout', NODE_TIMEOUT, '--cluster-replica-validity-factor', '0'];
  const replication = ['--repl-diskless-sync-delay', '0', '--save', ''];
  return RedisServer.create({ cwd: testFolder(), args: [...cluster, ...failover, ...replication] });
}

function idOf(node: RedisServer): Promise<string> {
  return node.command((redis) => redis.cluster('MYID'));
}

export async function isSynchronised(redis: Redis): Promise<void> {
  const info = await redis.info('replication');
  if (!info.includes('role:slave') || !info.includes('master_link_status:up')) throw new Error(info);
}
