import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { withinLimit } from './statement-deadline.ts';

/** Where TypeORM and pg keep what was sent: payloads, hashes, whole rows. */
const VALUES = ['parameters', 'detail', 'where', 'internalQuery'];

/**
 * The library's tables, reached through the host's data source: every statement of ours goes through here. Nothing
 * waits for ever, and errors of statements carry no values, as hosts log errors whole.
 */
export class Database {
  constructor(
    readonly dataSource: DataSource,
    readonly schema: string,
  ) {}

  /** The name of a table of ours as statements write it. */
  table(name: string): string {
    return `"${this.schema}".${name}`;
  }

  /** Runs a statement, on the connection of `manager` where it is to join a transaction. */
  query<Rows>(sql: string, parameters: unknown[] = [], manager?: EntityManager): Promise<Rows> {
    const rows = manager
      ? manager.query<Rows>(sql, parameters)
      : withinLimit(this.dataSource, (runner) => runner.query(sql, parameters) as Promise<Rows>);
    return rows.catch(throwWithoutValues);
  }

  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return withinLimit(this.dataSource, (runner) => runner.manager.transaction(work)).catch(
      throwWithoutValues,
    );
  }
}

/** Throws the error again, without the values of the statement that failed. */
function throwWithoutValues(error: unknown): never {
  if (error instanceof QueryFailedError)
    for (const part of [error, error.driverError])
      for (const name of VALUES) Reflect.deleteProperty(part, name);
  throw error;
}
