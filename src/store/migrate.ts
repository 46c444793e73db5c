import type { DataSource, QueryRunner } from 'typeorm';
import { jobMigrations } from '../../migrations/index.ts';

/** An arbitrary number that is the same in every process. */
const LOCK = 5_062_831_774;

/**
 * Applies missing migrations in one transaction under an advisory lock, so that any number of processes may call it at
 * once. Resolves to the names of the applied migrations.
 */
export async function migrate(dataSource: DataSource, options: { schema?: string } = {}): Promise<string[]> {
  const schema = options.schema ?? 'jobs';
  const runner = dataSource.createQueryRunner();
  try {
    await runner.connect();
    await runner.startTransaction('READ COMMITTED');
    await runner.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const applied = await applyPending(runner, schema);
    await runner.commitTransaction();
    return applied;
  } catch (error) {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
    throw error;
  } finally {
    await runner.release();
  }
}

async function applyPending(runner: QueryRunner, schema: string): Promise<string[]> {
  const table = `"${schema}".migration`;
  await runner.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
  await runner.query(
    `CREATE TABLE IF NOT EXISTS ${table} (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`,
  );
  const rows: { name: string }[] = await runner.query(`SELECT name FROM ${table}`);
  const present = new Set(rows.map((row) => row.name));
  const applied: string[] = [];
  for (const Migration of jobMigrations(schema)) {
    const migration = new Migration();
    if (present.has(migration.name)) continue;
    await migration.up(runner);
    await runner.query(`INSERT INTO ${table} (name) VALUES ($1)`, [migration.name]);
    applied.push(migration.name);
  }
  return applied;
}

/** Throws an error with instructions when the library's tables are missing or older than the code. */
export async function checkSchema(dataSource: DataSource, schema: string): Promise<void> {
  const missing = await missingMigrations(dataSource, schema);
  if (missing.length === 0) return;
  throw new Error(
    `The Postgres schema "${schema}" lacks the migrations ${missing.join(', ')}. ` +
      'Run migrate(dataSource) from nestjs-jobstream before the application starts (in this repository: npm run migrate).',
  );
}

async function missingMigrations(dataSource: DataSource, schema: string): Promise<string[]> {
  const wanted = jobMigrations(schema).map((Migration) => new Migration().name);
  const exists = async (table: string): Promise<boolean> => {
    const [{ present }]: [{ present: boolean }] = await dataSource.query(
      `SELECT to_regclass($1) IS NOT NULL AS present`,
      [`"${schema}".${table}`],
    );
    return present;
  };
  if (!(await exists('migration'))) return (await exists('job')) ? [] : wanted;
  const rows: { name: string }[] = await dataSource.query(`SELECT name FROM "${schema}".migration`);
  const names = new Set(rows.map((row) => row.name));
  return wanted.filter((name) => !names.has(name));
}
