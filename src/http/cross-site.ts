import { JobError } from '../job/job-errors.ts';
import type { HttpRequest } from './http-request.ts';

/**
 * Refuses requests that a page of another site makes a browser send with its cookies. Browsers name the origin of a
 * request in `Sec-Fetch-Site` and `Origin`, which pages cannot forge; other clients send neither. Pages of the same
 * site may read, only pages of the same origin may change anything, and pages of `trusted` origins may do both.
 */
export function refuseCrossSite({ method, headers }: HttpRequest, trusted: readonly string[]): void {
  const { origin, host } = headers;
  if (typeof origin === 'string' && trusted.includes(origin)) return;
  const site = headers['sec-fetch-site'] ?? siteOf(origin, host);
  const isRead = method === 'GET' || method === 'HEAD';
  if (site === 'none' || site === 'same-origin' || (isRead && site === 'same-site')) return;
  throw new JobError(
    403,
    'cross_site_refused',
    'A page of another site cannot do this with a cookie; use a ticket or a bearer token.',
  );
}

/**
 * The value of `Sec-Fetch-Site` for older browsers, which do not send it. They send `Origin` with every request other
 * than GET and HEAD.
 */
function siteOf(origin: string | string[] | undefined, host: string | string[] | undefined): string {
  if (origin === undefined) return 'none';
  if (typeof origin !== 'string' || !URL.canParse(origin)) return 'cross-site';
  return new URL(origin).host === host ? 'same-origin' : 'cross-site';
}
