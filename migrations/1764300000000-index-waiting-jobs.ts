import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { SchemaMigration } from './schema-migration.ts';

/** An index for counting the queued jobs of a tenant without reading ended ones. */
export function indexWaitingJobs1764300000000(schema: string): SchemaMigration {
  return class IndexWaitingJobs1764300000000 implements MigrationInterface {
    name = 'IndexWaitingJobs1764300000000';

    async up(runner: QueryRunner): Promise<void> {
      await runner.query(`CREATE INDEX job_waiting ON "${schema}".job (tenant) WHERE status = 'queued'`);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`DROP INDEX "${schema}".job_waiting`);
    }
  };
}
