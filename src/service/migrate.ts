import { readEnvironment } from './environment.ts';
import { openServers } from './servers.ts';
import { migrateDatabase } from './start.ts';

/** `npm run migrate`: applies the missing migrations to the database of the environment. */
try {
  const environment = readEnvironment({
    JWT_SECRET: 'not used for migrations '.repeat(2),
    JWT_ISSUER: '-',
    JWT_AUDIENCE: '-',
    REDIS_URL: 'redis://unused',
    ...process.env,
    JWKS_URL: '',
  });
  const servers = await openServers(environment, (line) => console.log(line));
  const applied = await migrateDatabase(servers.databaseUrl, environment.schema);
  console.log(
    applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'Nothing to apply: the schema is up to date.',
  );
  await servers.stop();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
