import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { withinLimit } from './statement-deadline.ts';

/** Where TypeORM and pg keep what was sent: payloads, hashes, whole rows. */
const VALUES = ['parameters', 'detail', 'where', 'internalQuery'];

/**
 * The host's data source for our stores: nothing waits for ever, and errors of statements carry no values, as hosts
 * log errors whole.
 */
export function quietDataSource(dataSource: DataSource): DataSource {
  const query = (sql: string, parameters?: unknown[]): Promise<unknown> =>
    withinLimit(dataSource, (runner) => runner.query(sql, parameters)).catch(throwWithoutValues);
  const transaction = <T>(work: (manager: EntityManager) => Promise<T>): Promise<T> =>
    withinLimit(dataSource, (runner) => runner.manager.transaction(work)).catch(throwWithoutValues);
  return Object.create(dataSource, {
    query: { value: query },
    transaction: { value: transaction },
  }) as DataSource;
}

/** Throws the error again, without the values of the statement that failed. */
export function throwWithoutValues(error: unknown): never {
  if (error instanceof QueryFailedError)
    for (const part of [error, error.driverError])
      for (const name of VALUES) Reflect.deleteProperty(part, name);
  throw error;
}
