import { JobError } from '../job/job-errors.ts';
import type { HttpRequest } from './http-request.ts';

/**
 * Refuses what a page of another site makes a browser send along with its cookies. Browsers say where a request comes from in
 * `Sec-Fetch-Site` and `Origin`, which no page can forge; other clients send neither.
 * Reading is for pages of the same site, changing only for those of the same origin; `trusted` origins may both.
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

/** What an older browser leaves out. It sends `Origin` with every request that is neither GET nor HEAD. */
function siteOf(origin: string | string[] | undefined, host: string | string[] | undefined): string {
  if (origin === undefined) return 'none';
  if (typeof origin !== 'string' || !URL.canParse(origin)) return 'cross-site';
  return new URL(origin).host === host ? 'same-origin' : 'cross-site';
}
