import { type DynamicModule, Module } from '@nestjs/common';
import { CommittedChanges } from './committed-changes.ts';

/** The one place where things are told. */
@Module({})
export class EventsModule {
  static of(): DynamicModule {
    const providers = [CommittedChanges];
    return { module: EventsModule, providers, exports: providers };
  }
}
