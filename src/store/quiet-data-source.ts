import { type DataSource, QueryFailedError } from 'typeorm';

/** Where TypeORM and pg keep what was sent: payloads, hashes, whole rows. */
const VALUES = ['parameters', 'detail', 'where', 'internalQuery'];

/** The host's data source for our stores: errors of its statements carry no values, as hosts log errors whole. */
export function quietDataSource(dataSource: DataSource): DataSource {
  const query = (sql: string, parameters?: unknown[]): Promise<unknown> =>
    dataSource.query(sql, parameters).catch(throwWithoutValues);
  return Object.create(dataSource, { query: { value: query } }) as DataSource;
}

/** Throws the error again, without the values of the statement that failed. */
export function throwWithoutValues(error: unknown): never {
  if (error instanceof QueryFailedError)
    for (const part of [error, error.driverError])
      for (const name of VALUES) Reflect.deleteProperty(part, name);
  throw error;
}
