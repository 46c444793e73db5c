import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { ClientBase } from 'pg';
import { DashboardController } from '../dashboard/dashboard.controller.ts';
import { JobsModule, type JobsModuleOptions } from '../index.ts';
import type { Environment } from './environment.ts';
import { ErrorFilter } from './error.filter.ts';
import { CsvImport, IMPORT_DIR } from './handlers/csv-import.ts';
import { DemoSteps } from './handlers/demo-steps.ts';
import { OperationsController } from './operations.controller.ts';
import { parseRedisUrl } from './redis-url.ts';

/** What the environment leaves open and the start decides. */
export interface ServiceOptions {
  environment: Environment;
  databaseUrl: string;
  redisUrl: string;
  /** The HS256 secret; null where a JWKS endpoint is used. */
  jwtSecret: string | null;
}

/** The reference application: a host of the module like any other. */
@Module({})
export class ServiceModule {
  static of(options: ServiceOptions): DynamicModule {
    const { environment, databaseUrl } = options;
    const isApi = environment.jobs.roles.includes('api');
    return {
      module: ServiceModule,
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: databaseUrl, ...POOL }),
        JobsModule.forRoot({ ...jobsOptions(options), queues: { default: {}, imports: { concurrency: 2 } } }),
      ],
      controllers: [OperationsController, ...(isApi ? [DashboardController] : [])],
      providers: [
        { provide: IMPORT_DIR, useValue: environment.importDir },
        { provide: APP_FILTER, useClass: ErrorFilter },
        CsvImport,
        DemoSteps,
      ],
    };
  }
}

function jobsOptions({ environment, redisUrl, jwtSecret }: ServiceOptions): JobsModuleOptions {
  const { jobs, corsOrigins } = environment;
  const { secret: _given, jwksUrl, ...claims } = environment.jwt;
  const keys = jwtSecret ? { secret: jwtSecret } : { jwksUrl: jwksUrl ?? '' };
  return {
    ...jobs,
    redis: parseRedisUrl(redisUrl) ?? redisUrl,
    jwt: { ...claims, ...keys },
    trustedOrigins: corsOrigins,
  };
}

/** Enough for both roles; without a limit on connecting, a Postgres that is away would hang every request. */
export const POOL = {
  poolSize: 20,
  connectTimeoutMS: 5_000,
  retryAttempts: 1,
  installExtensions: false,
  extra: { onConnect: outliveGoodbyes },
};

/**
 * The pool hands a new connection over a moment before TypeORM listens to it. The goodbye of a server that stops just
 * then would end the process; whoever uses the connection is told of it anyway.
 */
function outliveGoodbyes(connection: ClientBase): void {
  connection.on('error', () => undefined);
}
