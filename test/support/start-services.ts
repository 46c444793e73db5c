import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { DataSource } from 'typeorm';
import {
  startEmbeddedServices,
  type EmbeddedServices,
} from '../../packages/dev-servers/src/embedded-services.ts';
import { findRedis } from '../../packages/dev-servers/src/redis-program.ts';
import { migrate } from '../../src/store/migrate.ts';
import { secret } from './secrets.ts';
import { TEMPLATE, createDatabase, databaseAt } from './services.ts';

/** What stop-services.ts has to stop. */
export const running: { services: EmbeddedServices | null } = { services: null };

/** Starts one Postgres and one Redis for all tests; they and their data end with Jest, however it ends. */
// oxlint-disable-next-line import/no-default-export -- Jest takes a global setup from the default export
export default async function startServices(): Promise<void> {
  await putRedisOnPath();
  const dataDir = join(tmpdir(), `jobstream-test-${randomUUID()}`);
  running.services = await startEmbeddedServices({
    dataDir,
    postgres: true,
    redis: true,
    durable: false,
    log: () => undefined,
  });
  process.env['TEST_FOLDER'] = dataDir;
  process.env['TEST_DATABASE_URL'] = running.services.databaseUrl ?? '';
  process.env['TEST_REDIS_URL'] = running.services.redisUrl ?? '';
  for (const url of [running.services.databaseUrl, running.services.redisUrl])
    secret(new URL(url ?? '').password);
  try {
    await createTemplate();
  } catch (error) {
    await running.services.stop();
    throw error;
  }
}

/** One that had to be downloaded is kept for the next run, and found by every service of the tests. */
async function putRedisOnPath(): Promise<void> {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const { kind, path } = await findRedis(log, join(import.meta.dirname, '../../.jobstream'));
  if (kind === 'local') process.env['PATH'] = `${process.env['PATH']}${delimiter}${dirname(path)}`;
}

/** Tests clone this database, which takes a fraction of the time that migrating one does. */
async function createTemplate(): Promise<void> {
  await createDatabase(TEMPLATE);
  const dataSource = new DataSource({ type: 'postgres', url: databaseAt(TEMPLATE) });
  await dataSource.initialize();
  try {
    await migrate(dataSource);
  } finally {
    await dataSource.destroy();
  }
}
