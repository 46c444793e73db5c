import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DashboardController, JobsModule } from '../index.ts';
import type { Environment } from './environment.ts';
import { ErrorFilter } from './error.filter.ts';
import { CsvImport, IMPORT_DIR } from './handlers/csv-import.ts';
import { DemoSteps } from './handlers/demo-steps.ts';
import { OperationsController } from './operations.controller.ts';

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
  static of({ environment, databaseUrl, redisUrl, jwtSecret }: ServiceOptions): DynamicModule {
    const { jwt, schema, prefix, roles, stream } = environment;
    const { progressIntervalMs, leaseMs, shutdownGraceMs, retentionDays } = environment;
    const { issuer, audience, tenantClaim, jwksUrl } = jwt;
    const keys = jwtSecret ? { secret: jwtSecret } : { jwksUrl: jwksUrl ?? '' };
    return {
      module: ServiceModule,
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: databaseUrl, ...POOL }),
        JobsModule.forRoot({
          redis: redisUrl,
          jwt: { issuer, audience, tenantClaim, ...keys },
          queues: { default: {}, imports: { concurrency: 2 } },
          roles,
          schema,
          prefix,
          stream,
          progressIntervalMs,
          leaseMs,
          shutdownGraceMs,
          retentionDays,
        }),
      ],
      controllers: roles.includes('api')
        ? [OperationsController, DashboardController]
        : [OperationsController],
      providers: [
        { provide: IMPORT_DIR, useValue: environment.importDir },
        { provide: APP_FILTER, useClass: ErrorFilter },
        CsvImport,
        DemoSteps,
      ],
    };
  }
}

/** Enough for both roles; without a limit on connecting, a Postgres that is away would hang every request. */
const POOL = { poolSize: 20, connectTimeoutMS: 5_000, retryAttempts: 1, installExtensions: false };
