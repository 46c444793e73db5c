import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { jobMigrations } from '../../migrations/index.ts';
import { checkSchema, migrate } from '../../src/store/migrate.ts';
import { TestModule } from '../support/module.ts';
import { createTestDatabase, type TestDatabase } from '../support/services.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const NAMES = jobMigrations().map((Migration) => new Migration().name);

async function tablesOf(schema: string): Promise<string[]> {
  const rows: { name: string }[] = await database.dataSource.query(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1',
    [schema],
  );
  return rows.map(({ name }) => name);
}

describe('the migrations', () => {
  it('are applied once when five processes start at once', async () => {
    const sources = Array.from({ length: 5 }, () => new DataSource({ type: 'postgres', url: database.url }));
    await Promise.all(sources.map((source) => source.initialize()));
    try {
      const applied = await Promise.all(sources.map((source) => migrate(source, { schema: 'five' })));
      expect(applied.filter((names) => names.length > 0)).toEqual([NAMES]);
    } finally {
      await Promise.all(sources.map((source) => source.destroy()));
    }
    expect(await tablesOf('five')).toEqual([
      'api_key',
      'audit',
      'job',
      'job_change',
      'job_log',
      'migration',
      'revocation',
      'signing_key',
      'ticket',
    ]);
    await expect(checkSchema(database.dataSource, 'five')).resolves.toBeUndefined();
  });

  it('are not applied again', async () => {
    expect(await migrate(database.dataSource, { schema: 'again' })).toEqual(NAMES);
    expect(await migrate(database.dataSource, { schema: 'again' })).toEqual([]);
  });

  it('go into the schema jobs unless another is named', async () => {
    expect(await migrate(database.dataSource)).toEqual([]);
    expect(await tablesOf('jobs')).toContain('job');
  });

  it('leave nothing behind when they fail, and let the next run through', async () => {
    await database.dataSource.query('CREATE SCHEMA half; CREATE TABLE half.job_log (mine text)');
    await expect(migrate(database.dataSource, { schema: 'half' })).rejects.toThrow(/job_log/);
    expect(await tablesOf('half')).toEqual(['job_log']);
    await database.dataSource.query('DROP TABLE half.job_log');
    expect(await migrate(database.dataSource, { schema: 'half' })).toEqual(NAMES);
  });

  it('give each schema a signing key of its own', async () => {
    await migrate(database.dataSource, { schema: 'key_a' });
    await migrate(database.dataSource, { schema: 'key_b' });
    const [a] = await database.dataSource.query('SELECT key FROM key_a.signing_key');
    const [b] = await database.dataSource.query('SELECT key FROM key_b.signing_key');
    expect(a.key).toHaveLength(32);
    expect(a.key.equals(b.key)).toBe(false);
  });
});

describe('a schema that is not ready', () => {
  it('is refused with its name, what is missing, and what to do', async () => {
    const refusal = checkSchema(database.dataSource, 'nowhere');
    await expect(refusal).rejects.toThrow(
      `The Postgres schema "nowhere" lacks the migrations ${NAMES.join(', ')}. Run migrate(dataSource) from nestjs-jobstream`,
    );
  });

  it('is refused when it is older than the code', async () => {
    await migrate(database.dataSource, { schema: 'old' });
    await database.dataSource.query('DELETE FROM old.migration');
    await expect(checkSchema(database.dataSource, 'old')).rejects.toThrow(/lacks the migrations/);
  });

  it('is accepted when the host ran the migrations itself', async () => {
    const runner = database.dataSource.createQueryRunner();
    for (const Migration of jobMigrations('hosted')) await new Migration().up(runner);
    await runner.release();
    await expect(checkSchema(database.dataSource, 'hosted')).resolves.toBeUndefined();
  });

  it('stops the boot', async () => {
    await expect(TestModule.start({ options: { schema: 'nowhere' } })).rejects.toThrow(/npm run migrate/);
  });
});
