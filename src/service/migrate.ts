import { readEnvironment } from './environment.ts';
import { openDatabase } from './servers.ts';
import { migrateDatabase } from './start.ts';

/** What migrations have no use for, so that production may leave it out here. */
const UNUSED = {
  REDIS_URL: 'redis://unused',
  JWT_SECRET: 'unused, but as long as a secret has to be',
  JWT_ISSUER: 'unused',
  JWT_AUDIENCE: 'unused',
};

/** `npm run migrate`: applies the missing migrations to the database of the environment. */
try {
  const environment = readEnvironment({ ...process.env, ...UNUSED, JWKS_URL: '' });
  const servers = await openDatabase(environment, (line) => console.log(line));
  try {
    const applied = await migrateDatabase(servers.databaseUrl, environment.schema);
    console.log(applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'The schema is up to date.');
  } finally {
    await servers.stop();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
