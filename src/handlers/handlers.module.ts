import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HandlerRegistry } from './handler-registry.ts';

const providers = [HandlerRegistry];

/** The application's `@JobHandler()` methods by job type. */
@Module({ imports: [DiscoveryModule], providers, exports: providers })
export class HandlersModule {}
