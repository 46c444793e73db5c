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
