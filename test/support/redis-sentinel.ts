import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { isSynchronised } from './redis-cluster.ts';
import { RedisServer } from './redis-server.ts';
import { testFolder } from './services.ts';

const NAME = 'mymaster';

/** A master and its replica, and a sentinel that watches over them. */
export class TestSentinel {
  private constructor(
    readonly servers: RedisServer[],
    readonly sentinel: RedisServer,
  ) {}

  static async start(): Promise<TestSentinel> {
    const master = await startServer([]);
    const replica = await startServer(['--replicaof', `127.0.0.1 ${master.port}`]);
    await eventually(() => replica.command(isSynchronised), { timeoutMs: 15_000 });
    const started = new TestSentinel([master, replica], await startSentinel(master.port));
    await started.untilReady();
    return started;
  }

  get url(): string {
    return `redis+sentinel://127.0.0.1:${this.sentinel.port}/${NAME}`;
  }

  /** The master, as the sentinel sees it. */
  async master(): Promise<RedisServer> {
    const [, port] = (await this.#ask('GET-MASTER-ADDR-BY-NAME')) as [string, string];
    const found = this.servers.find((server) => server.port === Number(port));
    if (!found) throw new Error('The sentinel knows no master of ours.');
    return found;
  }

  /** Makes the replica the master and resolves when the sentinel says so. */
  async failOver(): Promise<void> {
    const before = await this.master();
    await this.#ask('FAILOVER');
    await eventually(
      async () => {
        if ((await this.master()) === before) throw new Error('The master is the same still.');
      },
      { timeoutMs: 15_000 },
    );
  }

  /** Resolves once there is a replica that can take over. */
  async untilReady(): Promise<void> {
    const master = await this.master();
    const replicas = this.servers.filter((server) => server !== master);
    await eventually(
      async () => {
        for (const replica of replicas) await replica.command(isSynchronised);
        const known = JSON.stringify(await this.#ask('REPLICAS'));
        if (!known.includes('"flags","slave"')) throw new Error(known);
      },
      { timeoutMs: 20_000 },
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.sentinel, ...this.servers].map((server) => server.close()));
  }

  #ask(question: string): Promise<unknown> {
    return this.sentinel.command((redis) => redis.call('SENTINEL', question, NAME));
  }
}

function startServer(args: string[]): Promise<RedisServer> {
  return RedisServer.create({
    cwd: testFolder(),
    args: ['--save', '', '--repl-diskless-sync-delay', '0', ...args],
  });
}

/** A sentinel writes what it learns into its file. */
function startSentinel(masterPort: number): Promise<RedisServer> {
  const cwd = testFolder();
  const file = join(cwd, 'sentinel.conf');
  const lines = [
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 1`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} 5000`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return RedisServer.create({ cwd, args: [file, '--sentinel'] });
}
