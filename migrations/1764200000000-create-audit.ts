import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { SchemaMigration } from './schema-migration.ts';

/** The audit: who submitted, cancelled, retried, revoked, and created keys. */
export function createAudit1764200000000(schema: string): SchemaMigration {
  return class CreateAudit1764200000000 implements MigrationInterface {
    name = 'CreateAudit1764200000000';

    async up(runner: QueryRunner): Promise<void> {
      for (const statement of statements(schema)) await runner.query(statement);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`DROP TABLE "${schema}".audit`);
    }
  };
}

function statements(schema: string): string[] {
  return [
    `CREATE TABLE "${schema}".audit (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT now(),
      -- The tenant of the actor; null when there is none, as for a command that revokes.
      tenant text,
      subject text NOT NULL,
      -- The public id of the actor's credential; null when it has none.
      credential text,
      action text NOT NULL,
      target_kind text NOT NULL,
      target_id text NOT NULL,
      detail json NOT NULL
    )`,
    // For lists by subject or action, newest first. Nearly every row is a submit, so submits are left out of the second
    // index.
    `CREATE INDEX audit_subject ON "${schema}".audit (subject, id)`,
    `CREATE INDEX audit_action ON "${schema}".audit (action, id) WHERE action <> 'submit'`,
  ];
}
