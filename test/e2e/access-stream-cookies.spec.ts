import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, type Credential, startApp, type TestApp } from '../support/app.ts';
import type { Answer } from '../support/http.ts';
import type { SseStream } from '../support/sse.ts';

interface Ticket {
  ticket: string;
  expiresAt: string;
}

describe.each(ADAPTERS)('The cookies of streams on %s', (adapter) => {
  let app: TestApp;
  let id: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = await app.waitingJob();
  });
  afterAll(() => app.close());

  async function ticketFor(body: object = { jobs: [id] }, as: Credential = {}): Promise<string> {
    const answer = await app.post('/tickets', body, as);
    expect([answer.status, answer.text]).toEqual([201, expect.stringContaining('ticket')]);
    return answer.json<Ticket>().ticket;
  }

  /** Opens the stream with the ticket alone. */
  function open(ticket: string, job = id, headers = {}): Promise<SseStream> {
    return app.stream(job, `?ticket=${ticket}`, { headers }, null);
  }

  async function cookieFor(job = id, as: Credential = {}): Promise<string> {
    const stream = await open(await ticketFor({ jobs: [job] }, as), job);
    stream.destroy();
    return setCookie(stream).split(';', 1)[0] ?? '';
  }

  function withCookie(cookie: string, path: string, headers = {}, method = 'GET'): Promise<Answer> {
    return app.send(path, { method, headers: { cookie, ...headers } }, null);
  }

  function forget(): Promise<unknown> {
    return app.dataSource.query('UPDATE jobs.ticket SET expires_at = now()');
  }

  it('are for that stream alone, and come with the headers of the stream', async () => {
    const stream = await open(await ticketFor());
    stream.destroy();

    expect(stream.headers['content-type']).toContain('text/event-stream');
    expect(stream.headers['set-cookie']).toHaveLength(1);
    const [pair, ...attributes] = setCookie(stream).split('; ');
    expect(pair).toMatch(/^jobstream_stream=[\w.-]+$/);
    expect(attributes.filter((attribute) => !attribute.startsWith('Max-Age='))).toEqual([
      `Path=/jobs/${id}/events`,
      'HttpOnly',
      'SameSite=Strict',
    ]);
    const secure = await open(await ticketFor(), id, { 'x-forwarded-proto': 'https' });
    secure.destroy();
    expect(setCookie(secure)).toMatch(/; Secure$/);
  });

  it('are not left with somebody who follows a link', async () => {
    const link = await open(await ticketFor(), id, { 'sec-fetch-mode': 'navigate' });
    link.destroy();

    expect([link.status, link.headers['set-cookie']]).toEqual([200, undefined]);
  });

  it('are taken beside a header that a proxy asks browsers for', async () => {
    const headers = { authorization: 'Basic YTpi' };
    const stream = await app.stream(id, '', { headers: { cookie: await cookieFor(), ...headers } }, null);
    stream.destroy();

    expect(stream.status).toBe(200);
  });

  it('live as long as the credential, at most 12 hours', async () => {
    const ageWith = async (expiresIn: number): Promise<number> => {
      const stream = await open(await ticketFor({ jobs: [id] }, { expiresIn }));
      stream.destroy();
      return Number(/Max-Age=(\d+)/.exec(setCookie(stream))?.[1]);
    };

    const short = await ageWith(600);
    expect(short).toBeLessThanOrEqual(600);
    expect(short).toBeGreaterThan(590);
    const long = await ageWith(48 * 3_600);
    expect(long).toBeLessThanOrEqual(12 * 3_600);
    expect(long).toBeGreaterThan(12 * 3_600 - 10);
  });

  it('stand in for a ticket that is gone: EventSource reconnects with the same URL', async () => {
    const ticket = await ticketFor();
    const first = await open(ticket);
    await first.untilEvent('snapshot');
    first.destroy();
    await forget();

    await expect(open(ticket)).rejects.toThrow('Status 401');
    const cookie = `theme=dark; ${setCookie(first).split(';', 1)[0]}; x=y`;
    const again = await open(ticket, id, { cookie });
    await again.untilEvent('snapshot');
    again.destroy();
    expect(again.headers['set-cookie']).toBeUndefined();
  });

  it('are of no use to a page of another site', async () => {
    const cookie = await cookieFor();
    const path = `/jobs/${id}/events`;

    const refused = await withCookie(cookie, path, { 'sec-fetch-site': 'cross-site' });
    expect([refused.status, refused.json()['code']]).toEqual([403, 'cross_site_refused']);
    for (const site of ['same-site', 'same-origin', 'none']) {
      const stream = await app.stream(id, '', { headers: { cookie, 'sec-fetch-site': site } }, null);
      stream.destroy();
    }
    const stream = await open(await ticketFor(), id, { 'sec-fetch-site': 'cross-site' });
    stream.destroy();
  });

  it('cannot be forged', async () => {
    const cookie = await cookieFor();
    const { viewer } = await app.submit({ type: 'demo.steps', payload: { steps: 1, stepMs: 0 } });
    const token = await app.token();
    const [header, claims, signature] = cookie.split('=')[1]?.split('.') ?? [];
    const changed = JSON.parse(Buffer.from(claims ?? '', 'base64url').toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...changed, scope: 'jobs:admin' })).toString('base64url');

    for (const value of [
      `${header}.${forged}.${signature}`,
      `${header}.${claims}.`,
      viewer.token,
      viewer.token.replace('jsv_', ''),
      token,
      '',
      'a=b',
    ]) {
      const answer = await withCookie(`jobstream_stream=${value}`, `/jobs/${id}/events`);
      expect([value, answer.status]).toEqual([value, 401]);
    }
    const beside = `jobstream_stream=planted; jobstream_stream=; ${cookie}`;
    const stream = await app.stream(id, '', { headers: { cookie: beside } }, null);
    stream.destroy();
  });

  it('are kept by browsers, however long the names in them are', async () => {
    const long = {
      tenant: '\u{1F600}'.repeat(127),
      subject: '\uFFFD'.repeat(255),
      scope: `jobs:read ${'x'.repeat(1_000)}`,
    };
    const { job } = await app.submit(
      { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: '2100-01-01T00:00:00Z' },
      { ...long, scope: 'jobs:write' },
    );

    const cookie = await cookieFor(job.id, long);

    expect(Buffer.byteLength(cookie)).toBeLessThanOrEqual(4_096);
    const stream = await app.stream(job.id, '', { headers: { cookie } }, null);
    stream.destroy();
  });
});

function setCookie(stream: SseStream): string {
  return stream.headers['set-cookie']?.[0] ?? '';
}
