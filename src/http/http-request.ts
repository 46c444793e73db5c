import type { ExecutionContext } from '@nestjs/common';
import type { WithHeaders } from '../access/bearer.ts';
import type { Closable } from '../stream/admission.ts';
import type { StreamResponse } from '../stream/stream-response.ts';
import { StreamQuery } from './queries.ts';

/** The common part of Express's and Fastify's requests. */
export interface HttpRequest extends WithHeaders {
  method: string;
  query: Record<string, unknown>;
  params: Record<string, string>;
  /** Path and query as the client sent them. */
  originalUrl: string;
  /** Node's request; only on Fastify. */
  raw?: { socket: HttpSocket };
  socket: HttpSocket;
}

export interface HttpSocket extends Closable {
  /** True on TLS. */
  readonly encrypted?: boolean;
  /** Missing when a test injects requests without a network. */
  destroySoon?(): void;
}

/** The common part of Express's and Fastify's responses. */
export interface HttpResponse {
  header(name: string, value: string): unknown;
  /** Adds a header beside others of the same name. Express only; on Fastify, `header` does that. */
  append?(name: string, value: string): unknown;
  /** Node's response; only on Fastify. */
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

/**
 * Closes the connection after the response if the client asked for `close` (RFC 9112, 9.6). Nest sends `keep-alive`
 * with every stream, so the client would otherwise wait.
 */
export function closeWhereAsked(request: HttpRequest, response: HttpResponse): void {
  if (!/\bclose\b/i.test(String(request.headers['connection']))) return;
  closableOf(response).prependOnceListener('finish', () => socketOf(request).destroySoon?.());
}

/** Adds a cookie and keeps those that the host has set. */
export function addCookie(response: HttpResponse, cookie: string): void {
  if (response.append) response.append('Set-Cookie', cookie);
  else response.header('Set-Cookie', cookie);
}

/** Value for a cursor that was given more than once. No valid cursor has this form. */
const REPEATED = 'repeated';

/** The client's cursor: `Last-Event-ID`, else `?after=`, else empty. */
export function cursorOf({ headers, query }: HttpRequest): string {
  const given = headers['last-event-id'] || (query['after'] ?? '');
  return typeof given === 'string' ? given : REPEATED;
}

export function heartbeatOf({ query }: HttpRequest): 'comment' | 'event' {
  return StreamQuery.shape.heartbeat.parse(query['heartbeat']) ?? 'comment';
}
