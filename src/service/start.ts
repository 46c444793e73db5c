import 'reflect-metadata';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type INestApplication, Logger, type LoggerService } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { migrate } from '../index.ts';
import { developmentSecret, developmentToken } from './development-access.ts';
import type { Environment } from './environment.ts';
import { ensureSampleData } from './handlers/sample-data.ts';
import { httpAdapter } from './http-adapter.ts';
import { protectBrowsers } from './browser-safety.ts';
import { checkPort } from './port.ts';
import { DATA_DIR, openServers, type Servers } from './servers.ts';
import { POOL, ServiceModule } from './service.module.ts';
import { writing } from './unwritable.ts';

export interface RunningService {
  url: string;
  /** A token for development; null in production, and where the keys are those of a JWKS endpoint. */
  token: string | null;
  /** The page, with the token in its fragment, which browsers keep to themselves; null where this process has no API. */
  dashboardUrl: string | null;
  importDir: string;
  close(): Promise<void>;
}

export interface StartOptions {
  /** Lines about what is started. Default: Nest's logger. */
  log?: (line: string) => void;
  logger?: LoggerService | false;
  /** An embedded server ended by itself, which ends what the service is good for. Default: it is logged. */
  onServerDeath?: (error: Error) => void;
}

/** How long the end may take beyond the grace: handlers that are aborted, and servers that do not answer. */
const BEYOND_GRACE_MS = 15_000;

/** Boots the reference service: its servers where none are given, migrations outside production, HTTP. */
export async function startService(
  environment: Environment,
  options: StartOptions = {},
): Promise<RunningService> {
  const logger = new Logger('Service');
  const log = options.log ?? ((line: string) => logger.log(line));
  const importDir = resolve(environment.importDir);
  await checkPort(environment.port, environment.host);
  if (!environment.production) await ensureSampleData(importDir);
  const servers = await openServers(environment, { log, onServerDeath: options.onServerDeath });
  try {
    if (!environment.production) await migrateDatabase(servers.databaseUrl, environment.jobs.schema);
    const jwtSecret = await secretOf(environment);
    const app = await listen({ ...environment, importDir }, servers, jwtSecret, options.logger);
    const url = await app.getUrl();
    const issues = !environment.production && jwtSecret !== null;
    const token = issues ? await developmentToken(environment, jwtSecret) : null;
    const page = token ? `${url}/#token=${token}` : `${url}/`;
    const dashboardUrl = environment.jobs.roles.includes('api') ? page : null;
    const close = closer(app, servers, environment.jobs.shutdownGraceMs + BEYOND_GRACE_MS);
    return { url, token, dashboardUrl, importDir, close };
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

/** Applies the migrations that are missing; resolves to their names. */
export async function migrateDatabase(databaseUrl: string, schema: string): Promise<string[]> {
  const dataSource = new DataSource({ type: 'postgres', url: databaseUrl, ...POOL });
  await dataSource.initialize();
  try {
    return await migrate(dataSource, { schema });
  } finally {
    await dataSource.destroy();
  }
}

async function listen(
  environment: Environment,
  { databaseUrl, redisUrl }: Servers,
  jwtSecret: string | null,
  logger: LoggerService | false | undefined,
): Promise<INestApplication> {
  const root = ServiceModule.of({ environment, databaseUrl, redisUrl, jwtSecret });
  const app = await httpAdapter(environment.adapter, root, logger === undefined ? {} : { logger });
  protectBrowsers(app, environment.corsOrigins);
  try {
    await app.listen(environment.port, environment.host);
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function secretOf({ jwt, production }: Environment): Promise<string | null> {
  if (jwt.secret || jwt.jwksUrl || production) return jwt.secret;
  const wayOut = 'It keeps the secret of development tokens: set JWT_SECRET, or work in a copy of your own.';
  return writing(`The data folder ${resolve(DATA_DIR)}`, wayOut, () => developmentSecret(DATA_DIR));
}

/** Stops once, however often it is called: first the application, then the servers under it. */
function closer(app: INestApplication, servers: Servers, limitMs: number): () => Promise<void> {
  let closing: Promise<void> | null = null;
  return () => (closing ??= stop(app, servers, limitMs));
}

/** TypeORM waits for the end of every statement, which never comes from a Postgres that hangs. */
async function stop(app: INestApplication, servers: Servers, limitMs: number): Promise<void> {
  const late = delay(limitMs, undefined, { ref: false }).then(() => {
    throw new Error(
      `The service did not stop within ${limitMs} ms, maybe as Postgres does not answer. It ends now; the leases of its jobs give them to other workers.`,
    );
  });
  try {
    await Promise.race([app.close(), late]);
  } finally {
    await servers.stop();
  }
}
