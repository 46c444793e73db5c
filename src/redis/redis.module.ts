import { Module } from '@nestjs/common';
import { RedisConnections } from './redis-connections.ts';
import { Subscriptions } from './subscriptions.ts';

const providers = [RedisConnections, Subscriptions];

/** The process's connections to Redis. */
@Module({ providers, exports: providers })
export class RedisModule {}
