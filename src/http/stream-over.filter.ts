import { Readable } from 'node:stream';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { HttpResponse } from './http-request.ts';

/** Thrown before a stream of which its client has everything, the end included. */
export class StreamOver extends Error {}

/**
 * Answers `204`, which tells an `EventSource` to stop asking, and without any header of a body, which Nest's own filter
 * would add: RFC 9110, 8.6 forbids `Content-Length` there.
 */
@Catch(StreamOver)
export class StreamOverFilter implements ExceptionFilter<StreamOver> {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(_over: StreamOver, context: ArgumentsHost): void {
    const response = context.switchToHttp().getResponse<HttpResponse>();
    // To HEAD, Fastify adds a length to everything but a stream.
    const nothing = response.raw ? Readable.from([]) : undefined;
    this.host.httpAdapter.reply(response, nothing, 204);
  }
}
