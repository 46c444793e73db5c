import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { DataSource } from 'typeorm';

/** The migrated database that start-services.ts makes. */
export const TEMPLATE = 'jobstream_template';

export interface TestDatabase {
  url: string;
  /** Initialised, without entities. */
  dataSource: DataSource;
  /** Closes `dataSource` and removes the database, whoever is still connected. */
  drop(): Promise<void>;
}

/** A migrated database of the caller's own. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await createDatabase(name, TEMPLATE);
  const url = databaseAt(name);
  const dataSource = new DataSource({ type: 'postgres', url });
  await dataSource.initialize();
  const drop = async (): Promise<void> => {
    if (dataSource.isInitialized) await dataSource.destroy();
    await asAdministrator((client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  };
  return { url, dataSource, drop };
}

/** The Redis of all tests, and a key prefix of the caller's own; a hash tag, as in production. */
export function testRedis(): { url: string; prefix: string } {
  return { url: given('TEST_REDIS_URL'), prefix: `{test-${randomUUID()}}` };
}

/** An empty folder of the caller's own, by its real path; it goes with the servers at the latest. */
export function testFolder(): string {
  const folder = realpathSync(mkdtempSync(join(given('TEST_FOLDER'), 'files-')));
  // As root, the servers run under another account, which has to walk through it.
  chmodSync(folder, 0o755);
  return folder;
}

export function databaseAt(name: string): string {
  const url = new URL(given('TEST_DATABASE_URL'));
  url.pathname = `/${name}`;
  return url.href;
}

const OBJECT_IN_USE = '55006';
const ATTEMPTS = 50;

/** Postgres refuses to copy a database while anything is connected to it, say autovacuum: then it is tried again. */
export async function createDatabase(name: string, template = 'template0'): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await asAdministrator((client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
      return;
    } catch (error) {
      const busy = error instanceof DatabaseError && error.code === OBJECT_IN_USE;
      if (!busy || attempt === ATTEMPTS) throw error;
      await delay(50 + Math.random() * 100);
    }
  }
}

async function asAdministrator(act: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: given('TEST_DATABASE_URL') });
  await client.connect();
  try {
    await act(client);
  } finally {
    await client.end();
  }
}

function given(variable: string): string {
  const value = process.env[variable];
  if (!value)
    throw new Error(
      `${variable} is not set. Run the tests through Jest, whose global setup starts the servers.`,
    );
  return value;
}
