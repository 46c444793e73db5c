import type { DynamicModule, INestApplication, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { errorBody } from './error-body.ts';

/** The largest request body that is read, and so the largest payload. */
const BODY_LIMIT = 64 * 1024;

/** The application on the HTTP server that was chosen; the other one need not be installed. */
export async function httpAdapter(
  adapter: 'fastify' | 'express',
  root: DynamicModule,
  options: NestApplicationOptions,
): Promise<INestApplication> {
  // A stream that the drain has ended may leave its keep-alive socket behind; nothing waits for those.
  const all: NestApplicationOptions = { forceCloseConnections: true, abortOnError: false, ...options };
  return adapter === 'fastify' ? onFastify(root, all) : onExpress(root, all);
}

async function onFastify(root: DynamicModule, options: NestApplicationOptions): Promise<INestApplication> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    // Its type is generic over the servers that Fastify can run on; ours is always the same.
    frameworkErrors: answerFrameworkError as never,
    // Ids that are too long are ids that do not exist; the request line is bounded by Node.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, options);
  // Fastify's own parser refuses the empty body that clients send with `POST …/cancel`; Express's does not.
  app.useBodyParser('application/json', { bodyLimit: BODY_LIMIT }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : JSON.parse(body.toString('utf8')));
    } catch (error) {
      done(Object.assign(error as Error, { statusCode: 400 }), undefined);
    }
  });
  return app;
}

/** What Fastify refuses before any filter of Nest is asked, such as an address that is not valid. */
function answerFrameworkError(
  error: Error & { statusCode?: number },
  _request: unknown,
  reply: { statusCode: number; send(body: object): unknown },
): void {
  const { statusCode = 400 } = error;
  reply.statusCode = statusCode;
  reply.send(errorBody(statusCode, error.message));
}

async function onExpress(root: DynamicModule, options: NestApplicationOptions): Promise<INestApplication> {
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  const app = await NestFactory.create<NestExpressApplication>(root, new ExpressAdapter(), {
    ...options,
    bodyParser: false,
  });
  app.useBodyParser('json', { limit: BODY_LIMIT });
  app.disable('x-powered-by');
  return app;
}
