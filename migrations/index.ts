import { createJobs1764000000000 } from './1764000000000-create-jobs.ts';
import { createAccess1764100000000 } from './1764100000000-create-access.ts';
import { createAudit1764200000000 } from './1764200000000-create-audit.ts';
import { indexWaitingJobs1764300000000 } from './1764300000000-index-waiting-jobs.ts';

export type { SchemaMigration } from './schema-migration.ts';

/**
 * Every migration of the library's schema, oldest first. `migrate()` applies them under an advisory lock. A host that
 * prefers its own TypeORM run adds `jobMigrations()` to its DataSource.
 */
export function jobMigrations(schema = 'jobs') {
  return [
    createJobs1764000000000(schema),
    createAccess1764100000000(schema),
    createAudit1764200000000(schema),
    indexWaitingJobs1764300000000(schema),
  ];
}
