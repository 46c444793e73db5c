import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { ApiKeysController } from './api-keys.controller.ts';
import { AuditController } from './audit.controller.ts';
import { JobsController } from './jobs.controller.ts';
import { Refusals } from './refusals.ts';
import { RevocationsController } from './revocations.controller.ts';
import { StreamController } from './stream.controller.ts';
import { StreamCookieHeader } from './stream-cookie-header.ts';
import { SubmitRate } from './submit-rate.ts';
import { TicketsController } from './tickets.controller.ts';

/** The order matters: `jobs/events` must be matched before `jobs/:id`. */
const ROUTES: Type[] = [
  StreamController,
  JobsController,
  TicketsController,
  ApiKeysController,
  RevocationsController,
  AuditController,
];

/** The routes of the module. */
@Module({})
export class HttpModule {
  static of(imports: DynamicModule[]): DynamicModule {
    return {
      module: HttpModule,
      imports,
      controllers: ROUTES,
      providers: [StreamCookieHeader, SubmitRate, Refusals],
    };
  }
}
