import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { PostgresSilent, withinLimit } from '../../src/store/statement-deadline.ts';
import { createTestDatabase, type TestDatabase } from '../support/services.ts';

let database: TestDatabase;
/** A pool with one place, so that whoever keeps it is noticed. */
let dataSource: DataSource;

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  dataSource = new DataSource({ type: 'postgres', url: database.url, poolSize: 1 });
  await dataSource.initialize();
});
afterEach(() => dataSource.destroy());
afterAll(() => database.drop());

const rows = (): Promise<unknown[]> => database.dataSource.query('SELECT 1 FROM jobs.revocation');
const insert = `INSERT INTO jobs.revocation (kind, tenant, value) VALUES ('subject', 'acme', 'alice')`;

describe('work on a connection of the pool', () => {
  it('is given up when Postgres does not answer within the limit, and leaves its place in the pool', async () => {
    const asleep = withinLimit(dataSource, (runner) => runner.query('SELECT pg_sleep(600)'), 50);
    await expect(asleep).rejects.toThrow(PostgresSilent);
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is given up with its transaction, of which nothing stays', async () => {
    const asleep = withinLimit(
      dataSource,
      (runner) =>
        runner.manager.transaction(async (manager) => {
          await manager.query(insert);
          await manager.query('SELECT pg_sleep(600)');
        }),
      200,
    );
    await expect(asleep).rejects.toThrow(PostgresSilent);
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await rows()).toEqual([]);
  });

  it('is not begun once it has waited for its connection until the limit', async () => {
    const busy = dataSource.createQueryRunner();
    await busy.connect();
    await expect(withinLimit(dataSource, (runner) => runner.query(insert), 50)).rejects.toThrow(
      PostgresSilent,
    );
    await busy.release();
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await rows()).toEqual([]);
  });

  it('passes on what Postgres says, and gives the connection back', async () => {
    await expect(withinLimit(dataSource, (runner) => runner.query('SELECT nonsense'))).rejects.toThrow(
      'nonsense',
    );
    expect(await withinLimit(dataSource, (runner) => runner.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
  });
});
