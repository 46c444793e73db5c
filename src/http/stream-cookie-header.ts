import { Injectable } from '@nestjs/common';
import { STREAM_COOKIE, StreamCookies, type StreamGrant } from '../access/stream-cookies.ts';
import { ResolvedOptions } from '../jobs.options.ts';

/** What Express's and Fastify's requests tell of the way a request came. */
export interface CookieRequest {
  headers: Record<string, string | string[] | undefined>;
  /** The target as the client sent it, path and query. */
  originalUrl: string;
  /** Fastify's way to Node's request. */
  raw?: { socket: { readonly encrypted?: boolean } };
  socket: { readonly encrypted?: boolean };
}

/** A path that needs no care in a header: no space, no quote, and not the semicolon that ends an attribute. */
const PATH = String.raw`(?:\/[\w.~%!$&'()*+,=:@-]+)*`;
const STREAM_PATH = new RegExp(String.raw`^(${PATH}?)(\/jobs(?:\/[0-9a-f-]{36})?\/events)\/?$`, 'i');

const grants = new WeakMap<object, StreamGrant>();

/** Remembers what the ticket of the request was redeemed for, until its stream is admitted. */
export function setGrant(request: object, grant: StreamGrant): void {
  grants.set(request, grant);
}

/** Gives a client the cookie that lets it open its stream again. */
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

/** The `Set-Cookie` header of a cookie that is sent back to this one stream, and never read by a page. */
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
 * The path that the client asked for. A proxy may have taken a prefix off it, which `publicPath` then names;
 * a global prefix that `publicPath` does not name is seen in the request.
 */
function pathOf(url: string, { job, publicPath }: { job: string | null; publicPath: string }): string {
  const match = STREAM_PATH.exec(url.split('?', 1)[0] ?? '');
  const [, prefix, path] = match ?? [];
  if (prefix === undefined || path === undefined)
    return `${publicPath}/jobs${job === null ? '' : `/${job}`}/events`;
  return publicPath.endsWith(prefix) ? `${publicPath}${path}` : `${prefix}${path}`;
}

/** A client that claims https without having it only loses its own cookie. */
function isSecure({ headers, raw, socket }: CookieRequest): boolean {
  const forwarded = headers['x-forwarded-proto'];
  const first = (Array.isArray(forwarded) ? forwarded[0] : forwarded)?.split(',', 1)[0];
  return first?.trim().toLowerCase() === 'https' || (raw?.socket ?? socket).encrypted === true;
}
