import { type DynamicModule, Module } from '@nestjs/common';
import { ChangeAnnouncer } from './change-announcer.ts';
import { FramePublisher } from './frame-publisher.ts';

/** Tells the other processes what has happened in this one. */
@Module({})
export class PublishModule {
  static of(imports: DynamicModule[]): DynamicModule {
    const providers = [FramePublisher, ChangeAnnouncer];
    return { module: PublishModule, imports, providers, exports: providers };
  }
}
