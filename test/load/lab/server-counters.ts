import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { TestDatabase } from '../../support/services.ts';

/** What Postgres and Redis have done, as they count it themselves. */
export class ServerCounters {
  readonly #redis: Redis;

  private constructor(
    redisUrl: string,
    private readonly postgresLog: string,
  ) {
    this.#redis = new Redis(redisUrl);
  }

  /** From now on Postgres logs every statement that connections opened later send to the database. */
  static async open(database: TestDatabase, redisUrl: string): Promise<ServerCounters> {
    const { dataSource } = database;
    const name = new URL(database.url).pathname.slice(1);
    await dataSource.query(`ALTER DATABASE ${name} SET log_statement = 'all'`);
    const [shown] = await dataSource.query<{ data_directory: string }[]>('SHOW data_directory');
    // The suite's servers write their logs beside their folders.
    return new ServerCounters(redisUrl, join(shown?.data_directory ?? '', '../../postgres.log'));
  }

  async read(): Promise<{ at: number; publishes: number; statements: number }> {
    const [stats, log] = await Promise.all([
      this.#redis.info('commandstats'),
      readFile(this.postgresLog, 'utf8'),
    ]);
    const publishes = Number(/cmdstat_publish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    // `statement:` came in one message, `execute …:` with parameters beside it.
    const statements = [...log.matchAll(/LOG: {2}(?:statement|execute [^:]+): /g)].length;
    return { at: performance.now(), publishes, statements };
  }

  close(): void {
    this.#redis.disconnect();
  }
}

export type Counted = Awaited<ReturnType<ServerCounters['read']>>;

/** What happened between two readings, a second. */
export function rates(from: Counted, to: Counted): { publishes: number; statements: number } {
  const seconds = (to.at - from.at) / 1_000;
  return {
    publishes: (to.publishes - from.publishes) / seconds,
    statements: (to.statements - from.statements) / seconds,
  };
}
