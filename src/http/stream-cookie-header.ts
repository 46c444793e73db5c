import { Injectable } from '@nestjs/common';
import { STREAM_COOKIE, StreamCookies, type StreamGrant } from '../access/stream-cookies.ts';
import { ResolvedOptions } from '../jobs.options.ts';

/** The part of Express's and Fastify's requests that decides the attributes of the cookie. */
export interface CookieRequest {
  headers: Record<string, string | string[] | undefined>;
  /** Path and query as the client sent them. */
  originalUrl: string;
  /** Node's request; only on Fastify. */
  raw?: { socket: { readonly encrypted?: boolean } };
  socket: { readonly encrypted?: boolean };
}

/** A path that is safe in a header: no space, no double quote, and no semicolon, which would end an attribute. */
const PATH = String.raw`(?:\/[\w.~%!$&'()*+,=:@-]+)*`;
const STREAM_PATH = new RegExp(String.raw`^(${PATH}?)(\/jobs(?:\/[0-9a-f-]{36})?\/events)\/?$`, 'i');

const grants = new WeakMap<object, StreamGrant>();

/** Stores the grant of the request's ticket until its stream is admitted. */
export function setGrant(request: object, grant: StreamGrant): void {
  grants.set(request, grant);
}

/** Issues the cookie with which a client can reopen its stream. */
@Injectable()
export class StreamCookieHeader {
  constructor(
    private readonly cookies: StreamCookies,
    private readonly options: ResolvedOptions,
  ) {}

  /** The `Set-Cookie` header for a request whose ticket was redeemed; null for any other. */
  async for(request: CookieRequest): Promise<string | null> {
    const grant = grants.get(request);
    const issued = grant && (await this.cookies.issue(grant));
    if (!issued) return null;
    const stream = { job: grant.job, publicPath: this.options.publicPath };
    return setCookieHeader({ name: STREAM_COOKIE, ...issued }, request, stream);
  }
}

/** A `Set-Cookie` header for a cookie that is only sent to this stream and that pages cannot read. */
export function setCookieHeader(
  cookie: { name: string; value: string; maxAge: number },
  request: CookieRequest,
  stream: { job: string | null; publicPath: string },
): string {
  return [
    `${cookie.name}=${cookie.value}`,
    `Max-Age=${cookie.maxAge}`,
    `Path=${pathOf(request.originalUrl, stream)}`,
    'HttpOnly',
    'SameSite=Strict',
    ...(isSecure(request) ? ['Secure'] : []),
  ].join('; ');
}

/**
 * The path that the client requested. If a proxy removed a prefix, `publicPath` has it; a global prefix that is missing
 * in `publicPath` is taken from the request.
 */
function pathOf(url: string, { job, publicPath }: { job: string | null; publicPath: string }): string {
  const match = STREAM_PATH.exec(url.split('?', 1)[0] ?? '');
  const [, prefix, path] = match ?? [];
  if (prefix === undefined || path === undefined)
    return `${publicPath}/jobs${job === null ? '' : `/${job}`}/events`;
  return publicPath.endsWith(prefix) ? `${publicPath}${path}` : `${prefix}${path}`;
}

/** Trusting the header is safe: a client that falsely claims https only loses its own cookie. */
function isSecure({ headers, raw, socket }: CookieRequest): boolean {
  const forwarded = headers['x-forwarded-proto'];
  const first = (Array.isArray(forwarded) ? forwarded[0] : forwarded)?.split(',', 1)[0];
  return first?.trim().toLowerCase() === 'https' || (raw?.socket ?? socket).encrypted === true;
}
