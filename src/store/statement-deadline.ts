import type { DataSource, QueryRunner } from 'typeorm';
import { NoAnswer } from '../runtime/deadline.ts';

/** Longest time for one statement or transaction of the library, including the wait for a connection. */
const LIMIT_MS = 10_000;

/** Postgres did not answer in time. */
export class PostgresSilent extends NoAnswer {
  constructor(limitMs: number) {
    super(`Postgres has not answered for ${limitMs} ms; whether it did what it was asked is not known.`);
    this.name = 'PostgresSilent';
  }
}

/** The part of a `pg` connection that is used here. */
interface Connection {
  end(): Promise<void>;
}

/**
 * Runs work on a pooled connection within the limit. The limit is enforced here because a server that hangs does not
 * close its connections, and a timeout on the data source would also apply to the host's own statements. On a timeout
 * the connection is closed; it would otherwise occupy its place in the pool until TCP gives up, long after a failover.
 */
export async function withinLimit<T>(
  dataSource: DataSource,
  work: (runner: QueryRunner) => Promise<T>,
  limitMs = LIMIT_MS,
): Promise<T> {
  const runner = dataSource.createQueryRunner();
  let connection: Connection | null = null;
  let late = false;
  const done = async (): Promise<T> => {
    try {
      connection = (await runner.connect()) as Connection;
      // The caller was already rejected, so the work must not start.
      if (late) throw new PostgresSilent(limitMs);
      return await work(runner);
    } finally {
      await runner.release();
    }
  };
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      late = true;
      reject(new PostgresSilent(limitMs));
      void connection?.end();
    }, limitMs);
    done()
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}
