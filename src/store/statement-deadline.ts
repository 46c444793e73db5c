import type { DataSource, QueryRunner } from 'typeorm';
import { NoAnswer } from '../runtime/deadline.ts';

/** Longest wait for one statement or transaction of ours, and for its connection. */
const LIMIT_MS = 10_000;

/** Postgres did not answer in time. */
export class PostgresSilent extends NoAnswer {
  constructor(limitMs: number) {
    super(`Postgres has not answered for ${limitMs} ms; whether it did what it was asked is not known.`);
    this.name = 'PostgresSilent';
  }
}

/** As much of a connection of `pg` as is needed here. */
interface Connection {
  end(): Promise<void>;
}

/**
 * Does work on a connection of the pool, within the limit. A server that hangs closes no connection, and the data
 * source is the host's, whose own statements may take their time: so the limit is set here. The connection is cut,
 * as it would keep its place in the pool until TCP gives up, long after another server has taken over.
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
      // Nobody waits any more for what would be done now.
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
