import { BullModule, getQueueToken } from '@nestjs/bull';
import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import type { Queue } from 'bull';
import { type QueueOptions, ResolvedOptions } from '../jobs.options.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { JobDispatcher } from './job-dispatcher.ts';
import { bullOptions, JobQueues, QUEUE_DEFAULTS } from './job-queues.ts';
import { Sweeper } from './sweeper.ts';

/** Hands committed rows to Bull, and takes jobs from workers that stopped renewing their leases. */
@Module({})
export class DispatchModule {
  static of(queues: Record<string, QueueOptions>, imports: DynamicModule[]): DynamicModule {
    const providers = [queuesProvider(queues), JobDispatcher, Sweeper];
    const bull = Object.keys(queues).map((name) => bullQueue(name, imports));
    return { module: DispatchModule, imports: [...imports, ...bull], providers, exports: providers };
  }
}

function bullQueue(name: string, imports: DynamicModule[]): DynamicModule {
  return BullModule.registerQueueAsync({
    name,
    imports,
    inject: [ResolvedOptions, RedisConnections],
    useFactory: (options: ResolvedOptions, redis: RedisConnections) => bullOptions(options, redis),
  });
}

function queuesProvider(queues: Record<string, QueueOptions>): Provider {
  const names = Object.keys(queues);
  return {
    provide: JobQueues,
    useFactory: (...bulls: Queue[]) =>
      new JobQueues(bulls.map((bull, index) => jobQueue(names[index] ?? '', queues, bull))),
    inject: names.map((name) => getQueueToken(name)),
  };
}

function jobQueue(name: string, queues: Record<string, QueueOptions>, bull: Queue) {
  return { ...QUEUE_DEFAULTS, ...queues[name], name, bull };
}
