import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { DynamicModule, INestApplication, Type } from '@nestjs/common';
import { type HttpAdapterHost, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Adapter } from './app.ts';
import { collectedLog } from './collected-log.ts';

/** A host application that listens on a free port; `shape` sets what it has for all of its routes. */
export async function startHost(
  adapter: Adapter,
  root: Type | DynamicModule,
  shape: (host: INestApplication) => void = () => undefined,
): Promise<INestApplication> {
  const server = adapter === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const host = await NestFactory.create(root, server, {
    logger: collectedLog,
    forceCloseConnections: true,
    abortOnError: false,
  });
  shape(host);
  await host.listen(0, '127.0.0.1');
  return host;
}

/** Answers every error in a shape of the host's own. */
@Catch()
export class HostFilter implements ExceptionFilter {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    const response: unknown = host.switchToHttp().getResponse();
    this.adapterHost.httpAdapter.reply(response, { host: 'refused', status }, status);
  }
}
