import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import {
  openEmbeddedPostgres,
  startEmbeddedServices,
} from '../../packages/dev-servers/src/embedded-services.ts';
import { testFolder } from '../support/services.ts';

interface Database {
  databaseUrl: string | null;
  stop(): Promise<void>;
}

describe('A command that works on embedded Postgres', () => {
  const log = (): void => undefined;
  let dataDir: string;
  const opened: Database[] = [];
  beforeEach(() => {
    dataDir = join(testFolder(), 'data');
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((database) => database.stop()));
  });

  function kept<T extends Database>(database: T): T {
    opened.push(database);
    return database;
  }

  async function folderOf({ databaseUrl }: Database): Promise<unknown> {
    const client = new Client({ connectionString: databaseUrl ?? '' });
    await client.connect();
    const { rows } = await client.query<{ folder: string }>(
      `SELECT current_setting('data_directory') AS folder`,
    );
    await client.end();
    return rows[0]?.folder;
  }

  it('uses that of the service which runs, and leaves it running', async () => {
    const service = kept(await startEmbeddedServices({ dataDir, postgres: true, redis: false, log }));

    const command = await openEmbeddedPostgres(dataDir, log);
    expect(command.databaseUrl).toBe(service.databaseUrl);
    await command.stop();

    expect(await folderOf(service)).toBe(join(dataDir, 'postgres/data'));
  });

  it('waits until another command is through, and then works on the same data', async () => {
    const first = kept(await openEmbeddedPostgres(dataDir, log));
    const order: string[] = [];
    const waiting = openEmbeddedPostgres(dataDir, log).then((second) => {
      order.push('second');
      return kept(second);
    });

    const folder = await folderOf(first);
    order.push('first');
    await first.stop();

    expect(await folderOf(await waiting)).toBe(folder);
    expect(order).toEqual(['first', 'second']);
  });
});
