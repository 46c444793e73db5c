import { type DynamicModule, Module } from '@nestjs/common';
import { AfterCommit } from './after-commit.ts';
import { Jobs } from './jobs.ts';
import { QueueBound } from './queue-bound.ts';
import { SubmitAnnouncer } from './submit-announcer.ts';

/** What an application does with jobs. `Jobs` is all that anybody else needs of it. */
@Module({})
export class SubmitModule {
  static of(imports: DynamicModule[]): DynamicModule {
    const providers = [AfterCommit, SubmitAnnouncer, QueueBound, Jobs];
    return { module: SubmitModule, imports, providers, exports: [Jobs] };
  }
}
