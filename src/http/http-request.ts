import type { ExecutionContext } from '@nestjs/common';
import type { WithHeaders } from '../access/bearer.ts';
import type { Closable } from '../stream/admission.ts';
import type { StreamResponse } from '../stream/stream-response.ts';
import { StreamQuery } from './queries.ts';

/** What Express's and Fastify's requests have in common. */
export interface HttpRequest extends WithHeaders {
  method: string;
  query: Record<string, unknown>;
  params: Record<string, string>;
  /** The target as the client sent it, path and query. */
  originalUrl: string;
  /** Fastify's way to Node's request. */
  raw?: { socket: HttpSocket };
  socket: HttpSocket;
}

export interface HttpSocket extends Closable {
  /** True on TLS. */
  readonly encrypted?: boolean;
  /** Missing where a test gives the host requests without a network. */
  destroySoon?(): void;
}

/** The same of their responses. */
export interface HttpResponse {
  header(name: string, value: string): unknown;
  /** Express's way to add a header beside others of its name, which is what `header` does on Fastify. */
  append?(name: string, value: string): unknown;
  /** Fastify's way to Node's response. */
  raw?: StreamResponse;
}

export function httpOf(context: ExecutionContext): {
  request: HttpRequest;
  response: HttpResponse;
} {
  const http = context.switchToHttp();
  return { request: http.getRequest<HttpRequest>(), response: http.getResponse<HttpResponse>() };
}

/** Node's own response. */
export function closableOf(response: HttpResponse): StreamResponse {
  return response.raw ?? (response as unknown as StreamResponse);
}

export function socketOf(request: HttpRequest): HttpSocket {
  return request.raw?.socket ?? request.socket;
}

/** Nest answers every stream with `keep-alive`, so what asked for `close` would wait for it (RFC 9112, 9.6). */
export function closeWhereAsked(request: HttpRequest, response: HttpResponse): void {
  if (!/\bclose\b/i.test(String(request.headers['connection']))) return;
  closableOf(response).prependOnceListener('finish', () => socketOf(request).destroySoon?.());
}

/** Beside the cookies that the host may have set. */
export function addCookie(response: HttpResponse, cookie: string): void {
  if (response.append) response.append('Set-Cookie', cookie);
  else response.header('Set-Cookie', cookie);
}

/** Stands for a cursor that was given more than once; no cursor looks like it. */
const REPEATED = 'repeated';

/** The cursor that the client has: the header wins over `?after=`; empty when there is neither. */
export function cursorOf({ headers, query }: HttpRequest): string {
  const given = headers['last-event-id'] || (query['after'] ?? '');
  return typeof given === 'string' ? given : REPEATED;
}

export function heartbeatOf({ query }: HttpRequest): 'comment' | 'event' {
  return StreamQuery.shape.heartbeat.parse(query['heartbeat']) ?? 'comment';
}
