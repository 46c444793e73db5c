import { describe, expect, it } from '@jest/globals';
import { type CookieRequest, setCookieHeader } from '../../src/http/stream-cookie-header.ts';

const JOB = '0190aaaa-0000-7000-8000-000000000001';
const COOKIE = { name: 'jobstream_stream', value: 'v', maxAge: 60 };

function request(originalUrl: string, parts: Partial<CookieRequest> = {}): CookieRequest {
  return { originalUrl, headers: {}, socket: {}, ...parts };
}

function header(asked: CookieRequest, job: string | null = JOB, publicPath = ''): string {
  return setCookieHeader(COOKIE, asked, { job, publicPath });
}

function pathFor(url: string, job: string | null = JOB, publicPath = ''): string | undefined {
  return /; Path=([^;]*)/.exec(header(request(url), job, publicPath))?.[1];
}

describe('the cookie of a stream', () => {
  it('is kept from pages, from other sites and from other paths', () => {
    expect(header(request(`/jobs/${JOB}/events?ticket=t`))).toBe(
      `jobstream_stream=v; Max-Age=60; Path=/jobs/${JOB}/events; HttpOnly; SameSite=Strict`,
    );
  });

  it.each<[string, Partial<CookieRequest>, boolean]>([
    ['a proxy says https', { headers: { 'x-forwarded-proto': 'https' } }, true],
    ['the first of several proxies says https', { headers: { 'x-forwarded-proto': 'HTTPS, http' } }, true],
    ['the first of several proxies says http', { headers: { 'x-forwarded-proto': 'http, https' } }, false],
    ['the socket is encrypted', { socket: { encrypted: true } }, true],
    ['the socket below the request of Fastify is encrypted', { raw: { socket: { encrypted: true } } }, true],
    ['nothing is encrypted', {}, false],
  ])('tells whether it is for https alone: %s', (_title, parts, secure) => {
    expect(header(request(`/jobs/${JOB}/events`, parts)).endsWith('; Secure')).toBe(secure);
  });

  it.each([
    ['stands as it was asked for', `/jobs/${JOB}/events`, '', `/jobs/${JOB}/events`],
    [
      'keeps the case it was asked in',
      `/Jobs/${JOB.toUpperCase()}/events`,
      '',
      `/Jobs/${JOB.toUpperCase()}/events`,
    ],
    ['loses a slash at its end', `/jobs/${JOB}/events/?ticket=t`, '', `/jobs/${JOB}/events`],
    ['keeps a global prefix', `/api/v1/jobs/${JOB}/events`, '', `/api/v1/jobs/${JOB}/events`],
    [
      'keeps a global prefix that the public path names',
      `/api/jobs/${JOB}/events`,
      '/api',
      `/api/jobs/${JOB}/events`,
    ],
    ['regains what a proxy took off', `/jobs/${JOB}/events`, '/outside', `/outside/jobs/${JOB}/events`],
    [
      'regains what a proxy took off before a global prefix',
      `/api/jobs/${JOB}/events`,
      '/outside/api',
      `/outside/api/jobs/${JOB}/events`,
    ],
    [
      'is not misled by a public path that looks like the route',
      `/jobs/${JOB}/events`,
      '/jobs',
      `/jobs/jobs/${JOB}/events`,
    ],
    [
      'is made anew from a target with a semicolon',
      `/a;Domain=evil.test/jobs/${JOB}/events`,
      '',
      `/jobs/${JOB}/events`,
    ],
    [
      'is made anew from a target that is escaped',
      `/%6Aobs/${JOB}/events`,
      '/api',
      `/api/jobs/${JOB}/events`,
    ],
  ])('has a path that %s', (_title, url, publicPath, expected) => {
    expect(pathFor(url, JOB, publicPath)).toBe(expected);
  });

  it('has the path of the feed on the feed', () => {
    expect(pathFor('/api/jobs/events?ticket=t', null)).toBe('/api/jobs/events');
    expect(pathFor('/a;b/jobs/events', null, '/api')).toBe('/api/jobs/events');
  });
});
