import { type DynamicModule, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HandlerRegistry } from './handler-registry.ts';

/** Who runs what: the application's `@JobHandler()` methods. */
@Module({})
export class HandlersModule {
  static of(imports: DynamicModule[]): DynamicModule {
    const providers = [HandlerRegistry];
    return { module: HandlersModule, imports: [DiscoveryModule, ...imports], providers, exports: providers };
  }
}
