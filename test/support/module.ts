import { Module, type Provider, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import {
  type Job,
  type JobContext,
  JobHandler,
  type JobHandlerOptions,
  Jobs,
  JobsModule,
  type JobsModuleExtras,
  type JobsModuleOptions,
  type JobStatus,
} from '../../src/index.ts';
import { collectedLog } from './collected-log.ts';
import { eventually } from './eventually.ts';
import { planted } from './secrets.ts';
import { createTestDatabase, type TestDatabase, testRedis } from './services.ts';

export interface TestModuleOptions {
  /** The host's handlers, and whatever else it provides. */
  providers?: Provider[];
  options?: Partial<JobsModuleOptions>;
  queues?: JobsModuleExtras['queues'];
  /** Shares Postgres and Redis with this one, as a second process of one deployment does. */
  beside?: TestModule;
}

/** Fast enough for tests. */
const FAST: Partial<JobsModuleOptions> = {
  leaseMs: 10_000,
  cancelGraceMs: 100,
  shutdownGraceMs: 100,
  progressIntervalMs: 20,
  stream: { backstopMs: 200 },
};

/** A host without HTTP that imports `JobsModule`, on a database and a key prefix of its own. */
export class TestModule {
  private constructor(
    readonly app: TestingModule,
    readonly database: TestDatabase,
    readonly redis: { url: string; prefix: string },
    private readonly ownsDatabase: boolean,
  ) {}

  static async start({ beside, ...given }: TestModuleOptions = {}): Promise<TestModule> {
    const database = beside?.database ?? (await createTestDatabase());
    const redis = beside?.redis ?? testRedis();
    const module = new TestModule(await compile(database.url, redis, given), database, redis, !beside);
    try {
      await module.app.init();
      return module;
    } catch (error) {
      await module.close();
      throw error;
    }
  }

  get jobs(): Jobs {
    return this.get(Jobs);
  }

  /** The host's data source, whose transactions jobs can join. */
  get dataSource(): DataSource {
    return this.app.get<DataSource>(getDataSourceToken());
  }

  /** A provider of the host or of the module, by its class or token. */
  get<T>(token: Type<T> | symbol): T {
    return this.app.get<T>(token, { strict: false });
  }

  /** Submits a job of the tenant `acme`; resolves to its id. */
  async submit(
    type: string,
    payload: unknown = { note: planted('payload') },
    options: Partial<Parameters<Jobs['submit']>[2]> = {},
  ): Promise<string> {
    const { job } = await this.jobs.submit(type, payload, { tenant: 'acme', owner: 'alice', ...options });
    return job.id;
  }

  /** The job once it has this status; waits 10 s for it. */
  async untilStatus(id: string, status: JobStatus): Promise<Job> {
    return eventually(
      async () => {
        const job = await this.jobs.get(id);
        if (job.status !== status)
          throw new Error(`Job ${id} is ${job.status}, not ${status}: ${JSON.stringify(job)}`);
        return job;
      },
      { timeoutMs: 10_000 },
    );
  }

  query<Row = Record<string, unknown>>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.database.dataSource.query<Row[]>(sql, parameters);
  }

  /** `status reason` of every change, oldest first. */
  async history(id: string): Promise<string[]> {
    const rows = await this.query<{ change: string }>(
      `SELECT status || ' ' || reason AS change FROM jobs.job_change WHERE job_id = $1 ORDER BY version`,
      [id],
    );
    return rows.map(({ change }) => change);
  }

  /** Does something with a Redis connection of the test's own. */
  async withRedis<T>(act: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.redis.url);
    try {
      return await act(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** Every key below the prefix of this module. */
  keys(): Promise<string[]> {
    const pattern = this.redis.prefix.replaceAll(/[[\]*?\\]/g, '\\$&');
    return this.withRedis((redis) => redis.keys(`${pattern}*`));
  }

  /** Makes Redis forget everything of this module; the Redis is shared, so FLUSHALL is not ours to send. */
  async forgetRedis(): Promise<void> {
    const keys = await this.keys();
    if (keys.length > 0) await this.withRedis((redis) => redis.del(...keys));
  }

  /** Stops the module and leaves its data. */
  async stop(): Promise<void> {
    await this.app.close();
  }

  /** Stops the module and removes what it had in Postgres and Redis. */
  async close(): Promise<void> {
    await this.stop();
    if (!this.ownsDatabase) return;
    await this.forgetRedis();
    await this.database.drop();
  }
}

/** A provider that handles jobs of a type with this function. */
export function handler(
  type: string,
  run: (payload: unknown, job: JobContext) => unknown,
  options: Partial<JobHandlerOptions> = {},
): Type {
  class Handler {
    handle(payload: unknown, job: JobContext): unknown {
      return run(payload, job);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Handler.prototype, 'handle');
  JobHandler(type, { schema: z.unknown(), ...options })(Handler.prototype, 'handle', descriptor ?? {});
  return Handler;
}

function compile(...host: Parameters<typeof hostModule>): Promise<TestingModule> {
  return Test.createTestingModule({ imports: [hostModule(...host)] })
    .setLogger(collectedLog)
    .compile();
}

function hostModule(
  databaseUrl: string,
  redis: { url: string; prefix: string },
  { providers = [], options, queues }: TestModuleOptions,
): Type {
  const jobs = JobsModule.forRootAsync({
    http: false,
    ...(queues ? { queues } : {}),
    useFactory: () => ({ redis: redis.url, prefix: redis.prefix, jwt: UNUSED_JWT, ...FAST, ...options }),
  });
  @Module({
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url: databaseUrl,
        retryAttempts: 1,
        installExtensions: false,
      }),
      jobs,
    ],
    providers,
  })
  class Host {}
  return Host;
}

const UNUSED_JWT = { secret: 'x'.repeat(32), issuer: 'unused', audience: 'unused' };
