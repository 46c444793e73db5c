import { type Environment, readEnvironment } from './environment.ts';
import { openDatabase } from './servers.ts';

/** What a command on the database has no use for, so that production may leave it out here. */
const UNUSED = {
  REDIS_URL: 'redis://unused',
  JWT_SECRET: 'unused, but as long as a secret has to be',
  JWT_ISSUER: 'unused',
  JWT_AUDIENCE: 'unused',
  JWKS_URL: '',
};

/** Runs a command that needs the database of the environment and nothing else, and prints what it resolves to. */
export async function runOnDatabase(
  command: (databaseUrl: string, environment: Environment) => Promise<string>,
  log: (line: string) => void,
): Promise<void> {
  const environment = readEnvironment({ ...process.env, ...UNUSED });
  const servers = await openDatabase(environment, log);
  try {
    process.stdout.write(`${await command(servers.databaseUrl, environment)}\n`);
  } finally {
    await servers.stop();
  }
}

/** Ends the process as failed, with a message for people. */
export function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
