import {
  type CallHandler,
  Controller,
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
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { map, type Observable } from 'rxjs';
import { z } from 'zod';
import { type JobContext, JobHandler, Jobs, JobsModule } from '../../src/index.ts';
import { ADAPTERS } from '../support/app.ts';
import { HostFilter, startHost } from '../support/host.ts';
import { type Answer, type Request, send } from '../support/http.ts';
import { createTestDatabase, type TestDatabase, testRedis } from '../support/services.ts';
import { increases, openStream, type SseStream } from '../support/sse.ts';
import { JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, signToken } from '../support/tokens.ts';

const UNKNOWN = '00000000-0000-7000-8000-000000000000';

@Injectable()
class Greeter {
  @JobHandler('greet', { schema: z.strictObject({ name: z.string() }) })
  run({ name }: { name: string }, job: JobContext): string {
    job.progress({ done: 1, total: 1, step: 'greeting' });
    return `Hello, ${name}`;
  }
}

@Controller({ path: 'ping', version: '1' })
class PingController {
  @Get()
  ping(): object {
    return { pong: true };
  }
}

/** With it, an error of a stream's handler would come as `200` and an `error` event. */
@Injectable()
class PassThrough implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => value));
  }
}

/** Asynchronous, as a validating pipe is. */
@Injectable()
class AsyncPipe implements PipeTransform {
  async transform(value: unknown): Promise<unknown> {
    return Promise.resolve(value);
  }
}

@Module({ providers: [Greeter], controllers: [PingController] })
class HostModule {
  static of(database: TestDatabase, redis: { url: string; prefix: string }) {
    const jwt = { secret: JWT_SECRET, issuer: JWT_ISSUER, audience: JWT_AUDIENCE };
    return {
      module: HostModule,
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: database.url }),
        JobsModule.forRootAsync({
          useFactory: () => ({
            redis: redis.url,
            prefix: redis.prefix,
            jwt,
            publicPath: '/api',
            shutdownGraceMs: 200,
            stream: { maxPerCaller: 2 },
          }),
        }),
      ],
    };
  }
}

function shape(host: INestApplication): void {
  host.setGlobalPrefix('api');
  host.enableVersioning({ type: VersioningType.URI });
  host.useGlobalInterceptors(new PassThrough());
  host.useGlobalPipes(new AsyncPipe());
  host.useGlobalFilters(new HostFilter(host.get(HttpAdapterHost)));
}

describe.each(ADAPTERS)(
  'A host with a prefix, versions, an interceptor, a pipe and a filter on %s',
  (adapter) => {
    const open: SseStream[] = [];
    let database: TestDatabase;
    let host: INestApplication;
    let url: string;
    let token: string;
    beforeAll(async () => {
      database = await createTestDatabase();
      host = await startHost(adapter, HostModule.of(database, testRedis()), shape);
      url = `${await host.getUrl()}/api`;
      token = await signToken();
    });
    afterEach(() => {
      for (const stream of open.splice(0)) stream.destroy();
    });
    afterAll(async () => {
      await host.close();
      await database.drop();
    });

    function call(path: string, request: Request = {}): Promise<Answer> {
      return send(`${url}${path}`, { token, ...request });
    }

    async function follow(id: string, query = ''): Promise<SseStream> {
      const stream = await openStream(`${url}/jobs/${id}/events${query}`, { token });
      open.push(stream);
      return stream;
    }

    function greet(name: string, runAt?: Date): Promise<string> {
      const options = { tenant: 'acme', owner: 'alice', ...(runAt ? { runAt } : {}) };
      return host
        .get(Jobs)
        .submit('greet', { name }, options)
        .then(({ job }) => job.id);
    }

    it('has its own routes under its prefix and version, and those of the jobs under its prefix', async () => {
      expect((await call('/v1/ping')).json()).toEqual({ pong: true });

      const answer = await call('/jobs', {
        method: 'POST',
        body: { type: 'greet', payload: { name: 'Ada' } },
      });

      const { job } = answer.json<{ job: { id: string; links: object } }>();
      expect(answer.status).toBe(202);
      expect(answer.headers.location).toBe(`/api/jobs/${job.id}`);
      expect(job.links).toEqual({ self: `/api/jobs/${job.id}`, events: `/api/jobs/${job.id}/events` });
    });

    it('follows a job that its code submitted to the end', async () => {
      const stream = await follow(await greet('Grace'), '?after=0.0');
      await stream.untilClosed();

      const statuses = stream.events.filter(({ event }) => event !== 'progress');
      expect(statuses.map(({ event, id }) => `${event} ${id}`)).toEqual([
        'state 1.0',
        'state 2.0',
        'end 3.0',
      ]);
      expect(increases(stream.events)).toBe(true);
      expect(stream.events.at(-1)?.data?.job).toMatchObject({ status: 'completed', result: 'Hello, Grace' });
    });

    it('gives every frame of a stream an id of ours', async () => {
      const id = await greet('Edsger', new Date('2100-01-01'));
      const stream = await follow(id, '?after=garbage');
      await stream.untilEvent('snapshot');
      await call(`/jobs/${id}/cancel`, { method: 'POST' });
      await stream.untilClosed();

      expect(stream.frames.map(({ event, id: cursor }) => `${event} ${cursor}`)).toEqual([
        'reset 0.0',
        'snapshot 1.0',
        'end 2.0',
      ]);
    });

    it('refuses a stream with the real status, in the shape of the host', async () => {
      const id = await greet('Barbara', new Date('2100-01-01'));
      const refusals: [status: number, path: string, request: Request][] = [
        [401, `/jobs/${id}/events`, { token: 'garbage' }],
        [403, `/jobs/${id}/events`, { token: await signToken({ scope: 'none' }) }],
        [404, `/jobs/${UNKNOWN}/events`, {}],
        [404, '/jobs/x/events', {}],
        [404, `/jobs/${id}/events`, { token: await signToken({ tenant: 'globex' }) }],
      ];

      for (const [status, path, request] of refusals) {
        const answer = await call(path, request);
        expect([path, answer.status]).toEqual([path, status]);
        expect(answer.json()).toEqual({ host: 'refused', status });
        expect(answer.headers['content-type']).toMatch(/^application\/json/);
        if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      }
    });

    it('answers 429 with Retry-After when a caller has too many streams', async () => {
      const id = await greet('Donald', new Date('2100-01-01'));
      await Promise.all([follow(id), follow(id)]);

      const answer = await call(`/jobs/${id}/events`);

      expect(answer.status).toBe(429);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    });

    it('answers 204 to a client that has the end', async () => {
      const id = await greet('Alan');
      const stream = await follow(id);
      const { id: cursor } = await stream.untilEvent('end');

      const answer = await call(`/jobs/${id}/events`, { headers: { 'last-event-id': cursor ?? '' } });

      expect([answer.status, answer.text]).toEqual([204, '']);
    });
  },
);
