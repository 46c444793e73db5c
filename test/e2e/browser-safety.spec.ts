import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';
import { openStream } from '../support/sse.ts';

const PAGE = 'https://app.example';
const EVIL = 'https://evil.example';

describe.each(ADAPTERS)('What browsers are told on %s', (adapter) => {
  let closed: TestApp;
  let app: TestApp;
  let id: string;
  beforeAll(async () => {
    closed = await startApp({ adapter });
    app = await startApp({
      adapter,
      beside: closed,
      environment: { CORS_ORIGINS: `${PAGE}, https://b.example` },
    });
    id = await app.waitingJob();
  });
  afterAll(async () => {
    await app.stop();
    await closed.close();
  });

  it.each([
    ['an answer', '/jobs', [200], {}],
    ['a refusal', '/jobs/nothing', [404], {}],
    ['what does not exist', '/nowhere', [404], {}],
    ['an address that cannot be read', '/jobs/%zz', [400], {}],
    ['an address without a path', '//m@#"@~2?logs=1', [400, 404], {}],
    ['an expectation that is not met', '/jobs', [417], { expect: 'wonders' }],
    ['headers that are too long', '/jobs', [431], { 'x-long': 'x'.repeat(20_000) }],
    ['the metrics', '/metrics', [200], {}],
  ])('%s may be neither framed, sniffed, kept nor referred to', async (_name, path, statuses, headers) => {
    const answer = await app.send(path, { headers });

    expect(statuses).toContain(answer.status);
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  });

  it('lets the page load its own files and nothing else', async () => {
    const { headers } = await app.get('/', null);

    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  it('names no origin unless it is configured', async () => {
    const [answer, preflight] = await Promise.all([
      closed.send('/jobs', { headers: { origin: PAGE } }),
      closed.send('/jobs', { method: 'OPTIONS', headers: preflightOf(PAGE) }, null),
    ]);

    for (const { headers } of [answer, preflight])
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('lets pages of the configured origins call with credentials, and no others', async () => {
    const [page, evil] = await Promise.all(
      [PAGE, EVIL].map((origin) => app.send('/jobs', { headers: { origin } })),
    );

    expect(page?.headers).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-credentials': 'true',
      vary: expect.stringContaining('Origin'),
    });
    expect(evil?.headers['access-control-allow-origin']).not.toBe(EVIL);
    expect(evil?.headers['access-control-allow-origin']).not.toBe('*');
  });

  it('answers the preflight of a submit with a token and an idempotency key', async () => {
    const { status, headers } = await app.send(
      '/jobs',
      { method: 'OPTIONS', headers: preflightOf(PAGE) },
      null,
    );

    expect(status).toBe(204);
    expect(headers['access-control-allow-origin']).toBe(PAGE);
    expect(String(headers['access-control-allow-methods'])).toContain('POST');
    expect(String(headers['access-control-allow-headers']).toLowerCase()).toContain('idempotency-key');
  });

  it('answers an OPTIONS that is no preflight with nothing', async () => {
    const answer = await app.send('/jobs', { method: 'OPTIONS' }, null);

    expect([answer.status, answer.text]).toEqual([204, '']);
  });

  it('names the origin on streams and on their refusals as well', async () => {
    const token = await app.token();
    const stream = await openStream(`${app.url}/jobs/${id}/events`, { token, headers: { origin: PAGE } });
    stream.destroy();
    const refusal = await app.send(`/jobs/${id}/events`, { headers: { origin: PAGE } }, null);

    for (const headers of [stream.headers, refusal.headers])
      expect(headers).toMatchObject({
        'access-control-allow-origin': PAGE,
        'access-control-allow-credentials': 'true',
        'x-content-type-options': 'nosniff',
      });
    expect(refusal.status).toBe(401);
  });
});

function preflightOf(origin: string): Record<string, string> {
  return {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,idempotency-key',
  };
}
