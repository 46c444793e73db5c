import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type DynamicModule,
  type INestApplication,
  type NestApplicationOptions,
  NotFoundException,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { errorBody } from './error-body.ts';
import { answerClientError, limitClients, refuse } from './http-server.ts';
import { checkBody, parseJson } from './json-body.ts';

/** The largest request body that is read, and so the largest payload. */
const BODY_LIMIT = 64 * 1024;
const NOTHING_HERE = 'There is nothing at this address.';

/** The application on the HTTP server that was chosen; the other one need not be installed. */
export async function httpAdapter(
  adapter: 'fastify' | 'express',
  root: DynamicModule,
  options: NestApplicationOptions,
): Promise<INestApplication> {
  // A stream that the drain has ended may leave its keep-alive socket behind; nothing waits for those.
  const all: NestApplicationOptions = {
    forceCloseConnections: true,
    abortOnError: false,
    bodyParser: false,
    ...options,
  };
  return adapter === 'fastify' ? onFastify(root, all) : onExpress(root, all);
}

async function onFastify(root: DynamicModule, options: NestApplicationOptions): Promise<INestApplication> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    clientErrorHandler: answerClientError,
    // What Fastify refuses before any filter of Nest is asked, such as an address that is not valid.
    frameworkErrors: (
      { statusCode = 400, message }: FastifyError,
      _request: unknown,
      { raw }: { raw: ServerResponse },
    ) => refuse(raw, statusCode, message),
    // Ids that are too long are ids that do not exist; the request line is bounded by Node.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, options);
  limitClients(app.getHttpServer());
  const server = adapter.getInstance();
  server.addHook('onRequest', async ({ headers, routeOptions, url }) => {
    if (isDisguised(url, routeOptions.url)) throw new NotFoundException(errorBody(404, NOTHING_HERE));
    checkBody(headers);
  });
  // Its own parsers refuse the empty body that clients send with `POST …/cancel`, and read more than JSON.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
    parseJson(body),
  );
  return app;
}

/**
 * Whether a route without parameters was written in another way. Fastify decodes an address before it looks for its
 * route, Express does not: a proxy that keeps `/metrics` from the outside would let `/%6detrics` pass.
 */
function isDisguised(url: string, route: string | undefined): boolean {
  return route !== undefined && !/[:*]/.test(route) && (url.split('?', 1)[0] ?? '').includes('%');
}

/** Fastify reads no bodies of these methods either. */
function hasReadBody({ method }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

type FastifyError = Error & { statusCode?: number };

interface ExpressApp {
  router: { caseSensitive: boolean };
  handle(request: IncomingMessage, response: ServerResponse, done?: () => void): void;
}

/** For addresses that Express's router cannot read: no middleware or filter sees them, and its own answer is HTML. */
function answerUnreadable(express: ExpressApp): void {
  const handle = express.handle.bind(express);
  express.handle = (request, response, done) => {
    handle(request, response, done ?? (() => refuse(response, 404, NOTHING_HERE)));
  };
}

async function onExpress(root: DynamicModule, options: NestApplicationOptions): Promise<INestApplication> {
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  const adapter = new ExpressAdapter();
  // As Fastify does: a proxy that keeps `/metrics` from the outside would let `/METRICS` pass. The adapter has made
  // the router before any setting of Express could say so.
  const express = adapter.getInstance<ExpressApp>();
  express.router.caseSensitive = true;
  answerUnreadable(express);
  const app = await NestFactory.create<NestExpressApplication>(root, adapter, options);
  limitClients(app.getHttpServer());
  app.getHttpServer().on('clientError', answerClientError);
  app.use(({ headers }: IncomingMessage, _response: unknown, next: () => void) => {
    checkBody(headers);
    next();
  });
  app.useBodyParser('raw', { limit: BODY_LIMIT, type: hasReadBody });
  app.use((request: { body?: unknown }, _response: unknown, next: () => void) => {
    request.body = request.body instanceof Uint8Array ? parseJson(request.body) : undefined;
    next();
  });
  app.disable('x-powered-by');
  return app;
}
