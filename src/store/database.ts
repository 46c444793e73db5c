import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { withinLimit } from './statement-deadline.ts';

/** Properties in which errors of TypeORM and `pg` quote values: payloads, hashes, whole rows. */
const VALUES = ['parameters', 'detail', 'where', 'internalQuery'];

/**
 * The library's tables, in the host's data source. Every statement of the library goes through here, with a time limit.
 * Values are removed from its errors, because hosts tend to log whole errors.
 */
export class Database {
  constructor(
    readonly dataSource: DataSource,
    readonly schema: string,
  ) {}

  /** The qualified name of a table of the library. */
  table(name: string): string {
    return `"${this.schema}".${name}`;
  }

  /** Runs a statement; with `manager`, in its transaction. */
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

/** Rethrows the error without the values of the failed statement. */
function throwWithoutValues(error: unknown): never {
  if (error instanceof QueryFailedError)
    for (const part of [error, error.driverError])
      for (const name of VALUES) Reflect.deleteProperty(part, name);
  throw error;
}
