import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HandlerRegistry } from './handler-registry.ts';

const providers = [HandlerRegistry];

/** Who runs what: the application's `@JobHandler()` methods. */
@Module({ imports: [DiscoveryModule], providers, exports: providers })
export class HandlersModule {}
