import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { SchemaMigration } from './schema-migration.ts';

/** Tickets and API keys, both stored as hashes, and revocations. */
export function createAccess1764100000000(schema: string): SchemaMigration {
  return class CreateAccess1764100000000 implements MigrationInterface {
    name = 'CreateAccess1764100000000';

    async up(runner: QueryRunner): Promise<void> {
      for (const statement of statements(schema)) await runner.query(statement);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`DROP TABLE "${schema}".ticket, "${schema}".api_key, "${schema}".revocation`);
      await runner.query(`DELETE FROM "${schema}".signing_key WHERE name = 'stream'`);
    }
  };
}

function statements(schema: string): string[] {
  return [
    `CREATE TABLE "${schema}".ticket (
      hash bytea PRIMARY KEY,
      -- The jobs whose streams it opens; null for the feed.
      jobs uuid[],
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      expires_at timestamptz NOT NULL,
      -- The caller who created it, and their credential.
      tenant text NOT NULL,
      subject text NOT NULL,
      scopes text[] NOT NULL,
      only_job uuid,
      credential_issued_at timestamptz,
      credential_expires_at timestamptz,
      token_id text,
      api_key uuid
    )`,
    `CREATE INDEX ticket_expired ON "${schema}".ticket (expires_at)`,
    `CREATE TABLE "${schema}".api_key (
      id uuid PRIMARY KEY,
      -- The public part of the key, by which the row is found.
      prefix text NOT NULL UNIQUE,
      hash bytea NOT NULL,
      name text NOT NULL,
      tenant text NOT NULL,
      subject text NOT NULL,
      scopes text[] NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      expires_at timestamptz,
      last_used_at timestamptz,
      revoked_at timestamptz
    )`,
    // One row per revoked item. Revoking it again gives the row a new time and number. Numbers are assigned under a
    // lock, so that they become visible in order.
    `CREATE TABLE "${schema}".revocation (
      kind text NOT NULL CHECK (kind IN ('tenant', 'subject', 'token', 'key', 'job')),
      tenant text NOT NULL,
      value text NOT NULL,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      PRIMARY KEY (kind, tenant, value)
    )`,
    `INSERT INTO "${schema}".signing_key VALUES
      ('stream', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'))`,
  ];
}
