import { BullModule, getQueueToken } from '@nestjs/bull';
import { type DynamicModule, Module, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { Queue } from 'bull';
import { AccessGuard } from './http/access.guard.ts';
import { AccessPolicy } from './access/access-policy.ts';
import { ApiKeys } from './access/api-keys.ts';
import { ApiKeysController } from './http/api-keys.controller.ts';
import { AuditController } from './http/audit.controller.ts';
import { Authenticator } from './access/authenticator.ts';
import { BearerAccess } from './http/bearer-access.ts';
import { JobsAccess } from './access/jobs-access.ts';
import { JwtVerifier } from './access/jwt-verifier.ts';
import { RevocationWatch } from './access/revocation-watch.ts';
import { Revocations } from './access/revocations.ts';
import { RevocationsController } from './http/revocations.controller.ts';
import { StreamAccessGuard } from './http/stream-access.guard.ts';
import { StreamCookies } from './access/stream-cookies.ts';
import { Tickets } from './access/tickets.ts';
import { TicketsController } from './http/tickets.controller.ts';
import { ViewerTokens } from './access/viewer-tokens.ts';
import { JobDispatcher } from './dispatch/job-dispatcher.ts';
import { bullOptions, JOB_QUEUES, type JobQueue, QUEUE_DEFAULTS } from './dispatch/job-queues.ts';
import { Sweeper } from './dispatch/sweeper.ts';
import { HandlerRegistry } from './handlers/handler-registry.ts';
import { JobsHealth } from './jobs.health.ts';
import { JobsLifecycle } from './jobs.lifecycle.ts';
import {
  type AccessProvider,
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  EXTRA_DEFAULTS,
  JOBS_EXTRAS,
  JOBS_OPTIONS,
  type JobsModuleExtras,
  type JobsModuleOptions,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
  type QueueOptions,
  type ResolvedOptions,
  resolveOptions,
} from './jobs.options.ts';
import { JobProcessor } from './process/job-processor.ts';
import { LogRecorder } from './process/log-recorder.ts';
import { RunningJobs } from './process/running-jobs.ts';
import { Worker } from './process/worker.ts';
import { ChangeAnnouncer } from './publish/change-announcer.ts';
import { FramePublisher } from './publish/frame-publisher.ts';
import { RedisConnections } from './redis/redis-connections.ts';
import { Subscriptions } from './redis/subscriptions.ts';
import { ApiKeyStore } from './store/api-key-store.ts';
import { AuditTrail } from './store/audit-trail.ts';
import { CommittedChanges } from './events/committed-changes.ts';
import { JobFeed } from './store/job-feed.ts';
import { JobLeases } from './store/job-leases.ts';
import { JobLogs } from './store/job-logs.ts';
import { JobMoves } from './store/job-moves.ts';
import { JobOffers } from './store/job-offers.ts';
import { JobRetention } from './store/job-retention.ts';
import { JobStore } from './store/job-store.ts';
import { quietDataSource } from './store/quiet-data-source.ts';
import { RevocationStore } from './store/revocation-store.ts';
import { SigningKeys } from './store/signing-keys.ts';
import { TicketStore } from './store/ticket-store.ts';
import { JOBS_DATA_SOURCE } from './store/tokens.ts';
import { Admission } from './stream/admission.ts';
import { FeedHub } from './stream/feed-hub.ts';
import { FeedStream } from './stream/feed-stream.ts';
import { JobHub } from './stream/job-hub.ts';
import { JobReader } from './stream/job-reader.ts';
import { JobStream } from './stream/job-stream.ts';
import { ReadFaults } from './stream/read-faults.ts';
import { StreamController } from './http/stream.controller.ts';
import { Viewers } from './stream/viewers.ts';
import { AfterCommit } from './submit/after-commit.ts';
import { Jobs } from './submit/jobs.ts';
import { JobsController } from './http/jobs.controller.ts';
import { QueueBound } from './submit/queue-bound.ts';
import { SubmitAnnouncer } from './submit/submit-announcer.ts';
import { SubmitRate } from './submit/submit-rate.ts';

/** In the order of a job's life. */
const STORE = [
  CommittedChanges,
  JobStore,
  JobMoves,
  JobLeases,
  JobOffers,
  JobFeed,
  JobLogs,
  JobRetention,
  SigningKeys,
  TicketStore,
  ApiKeyStore,
  RevocationStore,
  AuditTrail,
];
const ACCESS = [
  ViewerTokens,
  ApiKeys,
  Tickets,
  StreamCookies,
  Revocations,
  RevocationWatch,
  Authenticator,
  AccessPolicy,
  AccessGuard,
  StreamAccessGuard,
];
const SUBMIT = [HandlerRegistry, AfterCommit, SubmitAnnouncer, QueueBound, SubmitRate, Jobs];
const DISPATCH = [JobDispatcher, Sweeper];
const PROCESS = [RunningJobs, LogRecorder, JobProcessor, Worker];
const PUBLISH = [FramePublisher, ChangeAnnouncer];
const ROUTES: Type[] = [
  StreamController,
  JobsController,
  TicketsController,
  ApiKeysController,
  RevocationsController,
  AuditController,
];
const STREAM = [ReadFaults, JobReader, JobHub, Viewers, Admission, JobStream, FeedHub, FeedStream];

/** The host's options, checked, and the Redis connections: what the queues need before all else. */
@Module({})
class JobsConnectionModule extends ConfigurableModuleClass {
  static of(options: DynamicModule): DynamicModule {
    const resolved: Provider = {
      provide: JOBS_OPTIONS,
      useFactory: (given: JobsModuleOptions) => resolveOptions(given),
      inject: [MODULE_OPTIONS_TOKEN],
    };
    return {
      ...options,
      module: JobsConnectionModule,
      providers: [...(options.providers ?? []), resolved, RedisConnections, Subscriptions],
      exports: [JOBS_OPTIONS, RedisConnections, Subscriptions],
    };
  }
}

/**
 * Background jobs with live progress. `forRoot()` and `forRootAsync()` take `JobsModuleOptions`; which queues
 * there are, which data source is used and whether routes are mounted stands beside them (`JobsModuleExtras`).
 */
@Module({})
export class JobsModule {
  static forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return assemble(options, JobsConnectionModule.forRoot(options));
  }

  static forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return assemble(options, JobsConnectionModule.forRootAsync(options));
  }
}

function assemble(given: JobsModuleExtras, options: DynamicModule): DynamicModule {
  const extras = extrasOf(given);
  const connection = JobsConnectionModule.of(options);
  return {
    module: JobsModule,
    global: extras.isGlobal,
    imports: [
      connection,
      DiscoveryModule,
      ...(extras.access?.imports ?? []),
      ...Object.keys(extras.queues).map((name) => bullQueue(name, connection)),
    ],
    controllers: extras.http ? ROUTES : [],
    providers: [
      { provide: JOBS_EXTRAS, useValue: extras },
      dataSourceProvider(extras.dataSource),
      queuesProvider(extras.queues),
      ...accessProviders(extras.access),
      ...[STORE, ACCESS, SUBMIT, DISPATCH, PROCESS, PUBLISH, STREAM].flat(),
      JobsLifecycle,
      JobsHealth,
    ],
    exports: [Jobs, JobsHealth],
  };
}

function extrasOf(given: JobsModuleExtras) {
  return {
    isGlobal: given.isGlobal ?? EXTRA_DEFAULTS.isGlobal,
    dataSource: given.dataSource ?? EXTRA_DEFAULTS.dataSource,
    queues: given.queues ?? EXTRA_DEFAULTS.queues,
    http: given.http ?? EXTRA_DEFAULTS.http,
    access: given.access,
  };
}

function bullQueue(name: string, connection: DynamicModule): DynamicModule {
  return BullModule.registerQueueAsync({
    name,
    imports: [connection],
    inject: [JOBS_OPTIONS, RedisConnections],
    useFactory: (options: ResolvedOptions, redis: RedisConnections) => bullOptions(options, redis),
  });
}

/** The host's own answer to who calls, or bearer tokens. */
function accessProviders(access: AccessProvider | undefined): Provider[] {
  if (access?.useClass) return [{ provide: JobsAccess, useClass: access.useClass as Type<JobsAccess> }];
  if (access?.useExisting) return [{ provide: JobsAccess, useExisting: access.useExisting }];
  if (access)
    throw new Error('JobsModule: `access` needs `useClass` or `useExisting`, a JobsAccess of your own.');
  return [JwtVerifier, { provide: JobsAccess, useClass: BearerAccess }];
}

function dataSourceProvider(name: string): Provider {
  return { provide: JOBS_DATA_SOURCE, useFactory: quietDataSource, inject: [getDataSourceToken(name)] };
}

function queuesProvider(queues: Record<string, QueueOptions>): Provider {
  const names = Object.keys(queues);
  return {
    provide: JOB_QUEUES,
    useFactory: (...bulls: Queue[]): JobQueue[] =>
      names.map((name, index) => ({ ...QUEUE_DEFAULTS, ...queues[name], name, bull: bulls[index] as Queue })),
    inject: names.map((name) => getQueueToken(name)),
  };
}
