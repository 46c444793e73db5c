import { Module } from '@nestjs/common';
import { ChangeAnnouncer } from './change-announcer.ts';
import { FramePublisher } from './frame-publisher.ts';

const providers = [FramePublisher, ChangeAnnouncer];

/** Tells other processes about changes and progress in this one. */
@Module({ providers, exports: providers })
export class PublishModule {}
