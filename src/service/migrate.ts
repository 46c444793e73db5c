import { readArguments } from '#scripts/command-line.mjs';
import { COMMANDS } from '#scripts/commands.mjs';
import { fail, runOnDatabase } from './database-command.ts';
import { migrateDatabase } from './start.ts';

/** `npm run migrate`: applies the missing migrations to the database of the environment. */
readArguments(COMMANDS.migrate);
await runOnDatabase(async (databaseUrl, { jobs }) => {
  const applied = await migrateDatabase(databaseUrl, jobs.schema);
  return applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'The schema is up to date.';
}).catch(fail);
