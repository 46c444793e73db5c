import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { SchemaMigration } from './schema-migration.ts';

/**
 * Jobs, the history of their changes, and their log lines. Payloads, results and progress are `json` rather than
 * `jsonb`: they are read as a whole, and json neither reorders keys nor rewrites numbers.
 */
export function createJobs1764000000000(schema: string): SchemaMigration {
  return class CreateJobs1764000000000 implements MigrationInterface {
    name = 'CreateJobs1764000000000';

    async up(runner: QueryRunner): Promise<void> {
      await runner.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
      for (const statement of tables(schema)) await runner.query(statement);
      for (const statement of indexes(schema)) await runner.query(statement);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(
        `DROP TABLE "${schema}".signing_key, "${schema}".job_log, "${schema}".job_change, "${schema}".job`,
      );
    }
  };
}

function tables(schema: string): string[] {
  return [
    // fillfactor leaves free space in each page, so that updates of progress and leases, which touch no indexed column,
    // are HOT updates: they stay in the page and leave nothing to clean up in the indexes.
    `CREATE TABLE "${schema}".job (
      id uuid PRIMARY KEY,
      type text NOT NULL,
      queue text NOT NULL,
      tenant text NOT NULL,
      owner text,
      status text NOT NULL CHECK (status IN ('queued', 'active', 'completed', 'failed', 'cancelled')),
      version integer NOT NULL DEFAULT 1 CHECK (version > 0),
      attempt integer NOT NULL DEFAULT 0,
      max_attempts integer NOT NULL CHECK (max_attempts > 0),
      priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 9),
      tags text[] NOT NULL DEFAULT '{}',
      idempotency_key text,
      payload_hash text NOT NULL,
      payload json NOT NULL,
      progress json,
      progress_tick bigint NOT NULL DEFAULT 0,
      result json,
      error_code text,
      error_message text,
      created_at timestamptz NOT NULL DEFAULT now(),
      run_at timestamptz NOT NULL DEFAULT now(),
      started_at timestamptz,
      finished_at timestamptz,
      updated_at timestamptz NOT NULL DEFAULT now(),
      cancel_requested_at timestamptz,
      -- The stage of a queued job on its way to Bull: waiting for run_at, due, or offered.
      stage text CHECK (stage IN ('later', 'ready', 'offered')),
      -- An offered job that no worker has claimed by this time is offered again.
      offer_again_at timestamptz,
      lease_until timestamptz,
      worker text,
      log_lines integer NOT NULL DEFAULT 0,
      -- The transaction that last changed the status: feeds resume from it. Times or ids would lose changes,
      -- because transactions do not commit in their order.
      change_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
      CHECK ((status = 'queued') = (stage IS NOT NULL)),
      CHECK ((status = 'active') = (lease_until IS NOT NULL))
    ) WITH (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`,
    `CREATE TABLE "${schema}".job_change (
      job_id uuid NOT NULL,
      version integer NOT NULL,
      status text NOT NULL,
      attempt integer NOT NULL,
      reason text NOT NULL,
      run_at timestamptz NOT NULL,
      at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (job_id, version)
    )`,
    `CREATE TABLE "${schema}".job_log (
      job_id uuid NOT NULL,
      n integer NOT NULL,
      version integer NOT NULL,
      level text NOT NULL,
      text text NOT NULL,
      at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (job_id, n)
    )`,
    // The keys with which the library signs its tokens, the same in every process: 32 bytes with 244 random bits.
    `CREATE TABLE "${schema}".signing_key (name text PRIMARY KEY, key bytea NOT NULL)`,
    `INSERT INTO "${schema}".signing_key VALUES
      ('viewer', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'))`,
  ];
}

function indexes(schema: string): string[] {
  const on = `ON "${schema}".job`;
  return [
    // One job per idempotency key, tenant and type.
    `CREATE UNIQUE INDEX job_idempotency ${on} (tenant, type, idempotency_key) WHERE idempotency_key IS NOT NULL`,
    // For lists, newest first. Ids are UUIDv7, so they sort by creation.
    `CREATE INDEX job_tenant ${on} (tenant, id DESC)`,
    `CREATE INDEX job_owner ${on} (tenant, owner, id DESC)`,
    `CREATE INDEX job_changes ${on} (change_xid)`,
    `CREATE INDEX job_tags ${on} USING gin (tags) WHERE tags <> '{}'`,
    // For the dispatcher: jobs that become due, the next ready jobs, and offers to repeat.
    `CREATE INDEX job_later ${on} (run_at) WHERE stage = 'later'`,
    `CREATE INDEX job_ready ${on} (queue, priority DESC, run_at, id) WHERE stage = 'ready'`,
    `CREATE INDEX job_offered ${on} (queue, offer_again_at) WHERE stage = 'offered'`,
    // For the sweeper: expired leases, and final jobs to purge.
    `CREATE INDEX job_lease ${on} (lease_until) WHERE status = 'active'`,
    `CREATE INDEX job_finished ${on} (finished_at) WHERE finished_at IS NOT NULL`,
  ];
}
