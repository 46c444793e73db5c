import {
  BadRequestException,
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type NestInterceptor,
  type PipeTransform,
  VersioningType,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { map, type Observable } from 'rxjs';
import { isJobStream, JobsModule } from '../../src/index.ts';
import type { Adapter } from './app.ts';
import { HostFilter, startHost } from './host.ts';
import { handler } from './module.ts';
import { createTestDatabase, type TestDatabase, testRedis } from './services.ts';
import { JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET } from './tokens.ts';

/** What a host sets for all of its routes, and so for those of the library. */
export interface HostShape {
  /** Wraps every answer in `{data}`, but for streams. */
  envelope?: boolean;
  /** Takes its time, and refuses what is not text or an object. */
  pipe?: boolean;
  filter?: boolean;
  prefix?: boolean;
  versions?: 'uri' | 'header';
}

@Controller({ path: 'ping', version: '2' })
class PingController {
  @Get()
  ping(): object {
    return { pong: true };
  }
}

@Injectable()
class Envelope implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const answers = next.handle();
    return isJobStream(context) ? answers : answers.pipe(map((data: unknown) => ({ data })));
  }
}

@Injectable()
class SlowPipe implements PipeTransform {
  async transform(value: unknown): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    if (typeof value === 'number') throw new BadRequestException();
    return value;
  }
}

/** A host application of some shape, on a database and a key prefix of its own; it handles jobs of the type `count`. */
export class ShapedHost {
  private constructor(
    readonly app: INestApplication,
    /** Where the library's routes are. */
    readonly url: string,
    private readonly database: TestDatabase,
  ) {}

  static async start(adapter: Adapter, shape: HostShape): Promise<ShapedHost> {
    const database = await createTestDatabase();
    const app = await startHost(adapter, rootOf(database, shape), (host) => apply(host, shape));
    return new ShapedHost(app, `${await app.getUrl()}${pathOf(shape)}`, database);
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.database.drop();
  }
}

function apply(app: INestApplication, { prefix, versions, envelope, pipe, filter }: HostShape): void {
  if (prefix) app.setGlobalPrefix('api');
  if (versions === 'uri') app.enableVersioning({ type: VersioningType.URI });
  if (versions === 'header') app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' });
  if (envelope) app.useGlobalInterceptors(new Envelope());
  if (pipe) app.useGlobalPipes(new SlowPipe());
  if (filter) app.useGlobalFilters(new HostFilter(app.get(HttpAdapterHost)));
}

function rootOf(database: TestDatabase, shape: HostShape) {
  const redis = testRedis();
  const jobs = JobsModule.forRootAsync({
    useFactory: () => ({
      redis: redis.url,
      prefix: redis.prefix,
      jwt: { secret: JWT_SECRET, issuer: JWT_ISSUER, audience: JWT_AUDIENCE },
      publicPath: pathOf(shape),
      shutdownGraceMs: 200,
      progressIntervalMs: 20,
      stream: { maxPerCaller: 2 },
    }),
  });
  const count = handler('count', (_payload, job) => {
    for (let done = 1; done <= 3; done += 1) job.progress({ done, total: 3, step: `step ${done}` });
    return 'counted';
  });
  const postgres = TypeOrmModule.forRoot({ type: 'postgres', url: database.url });
  @Module({ imports: [postgres, jobs], providers: [count], controllers: [PingController] })
  class Host {}
  return Host;
}

function pathOf({ prefix }: HostShape): string {
  return prefix ? '/api' : '';
}
