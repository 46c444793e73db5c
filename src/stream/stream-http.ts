import type { ExecutionContext } from '@nestjs/common';
import type { Closable } from './admission.ts';
import type { Pressure } from './viewer.ts';

/** What Express's and Fastify's requests have in common, as far as streams need it. */
export interface StreamHttpRequest {
  method: string;
  headers: Record<string, string | string[] | undefined>;
  query: Record<string, unknown>;
  params: Record<string, string>;
  /** Fastify's way to Node's request. */
  raw?: { socket: Pressure };
  socket: Pressure;
}

export interface StreamHttpResponse {
  header(name: string, value: string): unknown;
  /** Fastify's way to Node's response. */
  raw?: Closable;
}

export function httpOf(context: ExecutionContext): {
  request: StreamHttpRequest;
  response: StreamHttpResponse;
} {
  const http = context.switchToHttp();
  return { request: http.getRequest<StreamHttpRequest>(), response: http.getResponse<StreamHttpResponse>() };
}

/** Node's own response. */
export function closableOf(response: StreamHttpResponse): Closable {
  return response.raw ?? (response as unknown as Closable);
}

export function socketOf(request: StreamHttpRequest): Pressure {
  return request.raw?.socket ?? request.socket;
}

/** The cursor that the client has: the header wins over `?after=`; empty when there is neither. */
export function cursorOf({ headers, query }: StreamHttpRequest): string {
  const header = headers['last-event-id'];
  const given = header !== undefined && header !== '' ? header : query['after'];
  return typeof given === 'string' ? given : '';
}

export function heartbeatOf({ query }: StreamHttpRequest): 'comment' | 'event' {
  return query['heartbeat'] === 'event' ? 'event' : 'comment';
}
