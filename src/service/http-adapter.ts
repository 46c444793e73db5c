import type { DynamicModule, INestApplication, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

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
  const adapter = new FastifyAdapter({ bodyLimit: BODY_LIMIT, forceCloseConnections: true });
  return NestFactory.create<NestFastifyApplication>(root, adapter, options);
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
