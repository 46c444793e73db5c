import { type DynamicModule, Module } from '@nestjs/common';
import { RedisConnections } from './redis-connections.ts';
import { Subscriptions } from './subscriptions.ts';

/** The process's connections to Redis. */
@Module({})
export class RedisModule {
  static of(imports: DynamicModule[]): DynamicModule {
    const providers = [RedisConnections, Subscriptions];
    return { module: RedisModule, imports, providers, exports: providers };
  }
}
