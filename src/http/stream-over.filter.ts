import { Readable } from 'node:stream';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { HttpResponse } from './http-request.ts';

/** Thrown instead of opening a stream when the client already has everything, including the end. */
export class StreamOver extends Error {}

/**
 * Answers `204`, which makes an `EventSource` stop reconnecting. Sent without headers of a body, which Nest's own
 * filter would add, because RFC 9110, 8.6 forbids `Content-Length` there.
 */
@Catch(StreamOver)
export class StreamOverFilter implements ExceptionFilter<StreamOver> {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(_over: StreamOver, context: ArgumentsHost): void {
    const response = context.switchToHttp().getResponse<HttpResponse>();
    // For HEAD, Fastify adds a length unless the body is a stream.
    const nothing = response.raw ? Readable.from([]) : undefined;
    this.host.httpAdapter.reply(response, nothing, 204);
  }
}
