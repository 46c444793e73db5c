import { join } from 'node:path';
import { freePort } from '../../../packages/dev-servers/src/free-port.ts';
import { makePrivateFolder, type ServerHome } from '../../../packages/dev-servers/src/server-home.ts';
import { redisProgram, RedisServer } from '../../support/redis-server.ts';

export type ConnectionKind = 'normal' | 'pubsub' | 'blocked';

/** A Redis server, append-only, whose connections can be closed too. */
export class FaultyRedis extends RedisServer {
  static async at(home: ServerHome): Promise<FaultyRedis> {
    const cwd = join(home.dir, 'redis');
    makePrivateFolder(cwd, home.user);
    const options = { cwd, args: ['--save', '', '--appendonly', 'yes'], user: home.user };
    const created = new FaultyRedis(options, await redisProgram(), await freePort());
    await created.start();
    return created;
  }

  /** Closes the connections of one kind where there are so many of it; resolves to how many there were. */
  killConnections(kind: ConnectionKind, atLeast = 1): Promise<number> {
    return this.command(async (redis) => {
      const clients = parseClients(await redis.client('LIST'));
      const own = String(await redis.client('ID'));
      const chosen = clients.filter((client) => client['id'] !== own && kindOf(client) === kind);
      if (chosen.length < atLeast) return chosen.length;
      for (const { id } of chosen) await redis.client('KILL', 'ID', Number(id));
      return chosen.length;
    });
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
