import {
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  Module,
  type Provider,
  type Type,
} from '@nestjs/common';
import { AccessModule } from './access/access.module.ts';
import { JobsAccess } from './access/jobs-access.ts';
import { JwtVerifier } from './access/jwt-verifier.ts';
import { DispatchModule } from './dispatch/dispatch.module.ts';
import { JobDispatcher } from './dispatch/job-dispatcher.ts';
import { JobQueues } from './dispatch/job-queues.ts';
import { Sweeper } from './dispatch/sweeper.ts';
import { EventsModule } from './events/events.module.ts';
import { HandlersModule } from './handlers/handlers.module.ts';
import { HttpModule } from './http/http.module.ts';
import { JobsHealth } from './jobs.health.ts';
import { JobsLifecycle } from './jobs.lifecycle.ts';
import {
  type AccessProvider,
  ConfigurableModuleClass,
  EXTRA_DEFAULTS,
  JOBS_EXTRAS,
  type JobsModuleExtras,
  type JobsModuleOptions,
  MODULE_OPTIONS_TOKEN,
  ResolvedOptions,
  resolveOptions,
} from './jobs.options.ts';
import { ProcessModule } from './process/process.module.ts';
import { Worker } from './process/worker.ts';
import { ChangeAnnouncer } from './publish/change-announcer.ts';
import { PublishModule } from './publish/publish.module.ts';
import { RedisModule } from './redis/redis.module.ts';
import { RedisConnections } from './redis/redis-connections.ts';
import { Subscriptions } from './redis/subscriptions.ts';
import type { Part } from './runtime/part.ts';
import { Database } from './store/database.ts';
import { StoreModule } from './store/store.module.ts';
import { JobHub } from './stream/job-hub.ts';
import { StreamModule } from './stream/stream.module.ts';
import { Viewers } from './stream/viewers.ts';
import { Jobs } from './submit/jobs.ts';
import { SubmitModule } from './submit/submit.module.ts';

/** The moving parts in the order in which they start. They stop in the reverse order, parts of one row together. */
const PARTS: Type<Part>[][] = [
  [RedisConnections, Subscriptions],
  [JobQueues],
  [ChangeAnnouncer],
  [JobDispatcher, Sweeper],
  [JobHub],
  [Viewers, Worker],
];

/** The validated options of the host, and the extras. */
@Module({})
class OptionsModule extends ConfigurableModuleClass {
  static of(options: DynamicModule, extras: Extras): DynamicModule {
    const resolved: Provider = {
      provide: ResolvedOptions,
      useFactory: (given: JobsModuleOptions) => resolveOptions(given),
      inject: [MODULE_OPTIONS_TOKEN],
    };
    return {
      ...options,
      module: OptionsModule,
      providers: [...(options.providers ?? []), resolved, { provide: JOBS_EXTRAS, useValue: extras }],
      exports: [ResolvedOptions, JOBS_EXTRAS],
    };
  }
}

/**
 * Background jobs with live progress. `forRoot()` and `forRootAsync()` take `JobsModuleOptions` and, beside them,
 * `JobsModuleExtras`: the queues, the data source, and whether routes are mounted.
 */
@Module({})
export class JobsModule {
  static forRoot(options: JobsModuleOptions & JobsModuleExtras): DynamicModule {
    return assemble(extrasOf(options), OptionsModule.forRoot(options));
  }

  static forRootAsync(
    options: ConfigurableModuleAsyncOptions<JobsModuleOptions> & JobsModuleExtras,
  ): DynamicModule {
    return assemble(extrasOf(options), OptionsModule.forRootAsync(options));
  }
}

/** One private module per room; each imports the rooms below it. */
function assemble(extras: Extras, given: DynamicModule): DynamicModule {
  const ground = [OptionsModule.of(given, extras), EventsModule.of()];
  const store = StoreModule.of(extras.dataSource, ground);
  const redis = room(RedisModule, ground);
  const handlers = room(HandlersModule, ground);
  const access = AccessModule.of(accessProviders(extras.access), extras.access, [...ground, store]);
  const publish = room(PublishModule, [...ground, redis]);
  const dispatch = DispatchModule.of(extras.queues, [...ground, store, redis]);
  const submit = room(SubmitModule, [...ground, store, handlers, access]);
  const below = [...ground, store, redis, handlers, access, publish, dispatch, submit];
  const process = room(ProcessModule, below);
  const stream = room(StreamModule, below);
  const rooms = [...below, process, stream];
  return {
    module: JobsModule,
    global: extras.isGlobal,
    imports: extras.http ? [...rooms, HttpModule.of(rooms)] : rooms,
    // Hosts see only these providers; the rooms are private.
    providers: [lifecycle(), Jobs, JobsHealth],
    exports: [Jobs, JobsHealth],
  };
}

function room(module: Type, imports: DynamicModule[]): DynamicModule {
  return { module, imports };
}

type Extras = ReturnType<typeof extrasOf>;

function extrasOf(given: JobsModuleExtras) {
  return {
    isGlobal: given.isGlobal ?? EXTRA_DEFAULTS.isGlobal,
    dataSource: given.dataSource ?? EXTRA_DEFAULTS.dataSource,
    queues: given.queues ?? EXTRA_DEFAULTS.queues,
    http: given.http ?? EXTRA_DEFAULTS.http,
    access: given.access,
  };
}

/** The host's own `JobsAccess`, or the default, which checks bearer tokens. */
function accessProviders(access: AccessProvider | undefined): Provider[] {
  if (access?.useClass) return [{ provide: JobsAccess, useClass: access.useClass as Type<JobsAccess> }];
  if (access?.useExisting) return [{ provide: JobsAccess, useExisting: access.useExisting }];
  if (access) throw new Error('JobsModule: `access` needs `useClass` or `useExisting` with your JobsAccess.');
  return [{ provide: JobsAccess, useClass: JwtVerifier }];
}

function lifecycle(): Provider {
  return {
    provide: JobsLifecycle,
    useFactory: (database: Database, ...parts: Part[]) => {
      const waiting = [...parts];
      return new JobsLifecycle(
        database,
        PARTS.map((row) => waiting.splice(0, row.length)),
      );
    },
    inject: [Database, ...PARTS.flat()],
  };
}
