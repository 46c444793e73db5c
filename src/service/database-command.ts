import { Logger } from '@nestjs/common';
import { type Environment, readEnvironment } from './environment.ts';
import { openDatabase } from './servers.ts';
import { logSettings, ServiceLogger, tellFailure } from './service-logger.ts';

/** What a command on the database has no use for, so that production may leave it out here. */
const UNUSED = {
  REDIS_URL: 'redis://unused',
  JWT_SECRET: 'unused, but as long as a secret has to be',
  JWT_ISSUER: 'unused',
  JWT_AUDIENCE: 'unused',
  JWKS_URL: '',
};

const settings = logSettings(process.env);

/** Runs a command that needs the database of the environment and nothing else. On stdout is what it resolves to alone. */
export async function runOnDatabase(
  command: (databaseUrl: string, environment: Environment) => Promise<string>,
): Promise<void> {
  Logger.overrideLogger(new ServiceLogger(settings, 'stderr'));
  const logger = new Logger('Service');
  const environment = readEnvironment({ ...process.env, ...UNUSED });
  const servers = await openDatabase(environment, (line) => logger.log(line));
  try {
    process.stdout.write(`${await command(servers.databaseUrl, environment)}\n`);
  } finally {
    await servers.stop();
  }
}

/** Ends the process as failed, and says why. */
export function fail(error: unknown): void {
  tellFailure(error, settings);
  process.exitCode = 1;
}
