import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, type Credential, startApp, type TestApp } from '../support/app.ts';
import type { Answer } from '../support/http.ts';
import { openStream, type SseStream } from '../support/sse.ts';

interface Ticket {
  ticket: string;
  expiresAt: string;
}

const UNKNOWN = '0190aaaa-0000-7000-8000-000000000001';

describe.each(ANY_ADAPTER)('Tickets on %s', (adapter) => {
  let app: TestApp;
  let id: string;
  let other: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = await app.waitingJob();
    other = await app.waitingJob();
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

  function feedAt(query: string, headers = {}): Promise<SseStream> {
    return openStream(`${app.url}/jobs/events${query}`, { headers });
  }

  it('are 128 random bits that live for a minute and are stored as a hash', async () => {
    const asked = Date.now();
    const answer = await app.post('/tickets', { jobs: [id, other, id.toUpperCase()] });

    const { ticket, expiresAt, ...rest } = answer.json<Ticket>();
    expect(answer.status).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(rest).toEqual({});
    expect(ticket).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(Math.abs(Date.parse(expiresAt) - asked - 60_000)).toBeLessThan(5_000);
    const rows = await app.dataSource.query<{ row: string }[]>('SELECT t::text AS row FROM jobs.ticket t');
    expect(rows.length).toBeGreaterThan(0);
    const hex = Buffer.from(ticket, 'base64url').toString('hex');
    for (const { row } of rows) for (const secret of [ticket, hex]) expect(row).not.toContain(secret);
  });

  it('open the streams of their jobs without a header, any number of times', async () => {
    const ticket = await ticketFor({ jobs: [id, other] });

    for (const job of [id, other, id, id.toUpperCase()]) {
      const stream = await open(ticket, job);
      expect((await stream.untilEvent('snapshot')).data?.job?.id).toBe(job.toLowerCase());
      stream.destroy();
    }
  });

  it('live no longer than their credential, which ends the stream as well', async () => {
    const answer = await app.post('/tickets', { jobs: [id] }, { expiresIn: 2 });
    const { ticket, expiresAt } = answer.json<Ticket>();
    expect(Date.parse(expiresAt)).toBeLessThanOrEqual(Date.now() + 2_000);

    const stream = await open(ticket);
    const bye = await stream.untilEvent('bye');

    expect(bye.data).toEqual({ reason: 'expired', reconnect: false });
    expect((await withCookie(setCookie(stream).split(';', 1)[0] ?? '', `/jobs/${id}/events`)).status).toBe(
      401,
    );
  });

  it('and their cookies open nothing but the stream they are for', async () => {
    const ticket = await ticketFor();
    const cookie = await cookieFor();

    const paths = ['/jobs', `/jobs/${id}`, `/jobs/${id}/logs`, `/jobs/${other}/events`, '/jobs/events'];
    for (const path of paths) {
      expect([path, (await withCookie(cookie, path)).status]).toEqual([path, 401]);
    }
    for (const path of ['/jobs', `/jobs/${id}`, `/jobs/${id}/logs`, '/jobs/events']) {
      expect([path, (await app.get(`${path}?ticket=${ticket}`, null)).status]).toEqual([path, 401]);
    }
    for (const path of ['/jobs', '/tickets', `/jobs/${id}/cancel`]) {
      expect([path, (await withCookie(cookie, `${path}?ticket=${ticket}`, {}, 'POST')).status]).toEqual([
        path,
        401,
      ]);
    }
    for (const token of [ticket, cookie.split('=')[1], `jsv_${cookie.split('=')[1]}`]) {
      expect((await app.get(`/jobs/${id}/events`, token ?? '')).status).toBe(401);
    }
  });

  it('for other jobs answer what a job answers that does not exist', async () => {
    const unknown = await app.get(`/jobs/${UNKNOWN}/events`);
    const ticket = await ticketFor({ jobs: [other] });

    for (const answer of [
      await app.get(`/jobs/${id}/events?ticket=${ticket}`, null),
      await app.get(`/jobs/${UNKNOWN}/events?ticket=${ticket}`, null),
      await app.get(`/jobs/not-an-id/events?ticket=${ticket}`, null),
      await app.get(`/jobs/${id}/events?ticket=${await ticketFor({ feed: true })}`, null),
    ]) {
      expect([answer.status, answer.text]).toEqual([404, unknown.text]);
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it('for the feed open it, show what their maker may see, and become its cookie', async () => {
    const hidden = await app.submit(
      { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: '2100-01-01T00:00:00Z' },
      { subject: 'bob' },
    );
    const ticket = await ticketFor({ feed: true });

    const feed = await feedAt(`?ticket=${ticket}`);
    await feed.untilEvent('ready');
    feed.destroy();
    const ids = feed.of('job').map(({ data }) => data?.job?.id);
    expect(ids).toEqual(expect.arrayContaining([id, other]));
    expect(ids).not.toContain(hidden.job.id);
    expect(setCookie(feed)).toContain('; Path=/jobs/events; ');

    const [cookie = ''] = setCookie(feed).split(';', 1);
    expect((await withCookie(cookie, `/jobs/${id}/events`)).status).toBe(401);
    const again = await feedAt('', { cookie });
    await again.untilEvent('ready');
    again.destroy();
  });

  it('of a viewer token open no more than the token does', async () => {
    const { job, viewer } = await app.submit({
      type: 'demo.steps',
      payload: { steps: 1, stepMs: 0 },
      runAt: '2100-01-01T00:00:00Z',
    });

    expect((await app.post('/tickets', { jobs: [id] }, viewer.token)).status).toBe(404);
    const ticket = await ticketFor({ feed: true }, viewer.token);
    const feed = await feedAt(`?ticket=${ticket}`);
    await feed.untilEvent('ready');
    feed.destroy();
    const [cookie = ''] = setCookie(feed).split(';', 1);
    const again = await feedAt('', { cookie });
    await again.untilEvent('ready');
    again.destroy();
    for (const stream of [feed, again])
      expect(new Set(stream.of('job').map(({ data }) => data?.job?.id))).toEqual(new Set([job.id]));
  });

  it('look again whether the job may be seen when they are redeemed', async () => {
    const lost = await app.waitingJob();
    const ticket = await ticketFor({ jobs: [lost] });
    const cookie = await cookieFor(lost);
    await app.dataSource.query(`UPDATE jobs.job SET owner = 'bob' WHERE id = $1`, [lost]);

    for (const answer of [
      await app.get(`/jobs/${lost}/events?ticket=${ticket}`, null),
      await withCookie(cookie, `/jobs/${lost}/events`),
    ]) {
      expect(answer.status).toBe(404);
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it('yield to a bearer token, and cookies yield to both', async () => {
    const ticket = await ticketFor();
    const cookie = await cookieFor();
    const path = `/jobs/${id}/events`;

    expect(
      (await app.send(`${path}?ticket=${ticket}`, { token: 'garbage', headers: { cookie } })).status,
    ).toBe(401);
    const elsewhere = await ticketFor({ jobs: [other] });
    expect((await withCookie(cookie, `${path}?ticket=${elsewhere}`)).status).toBe(404);
    const byToken = await app.stream(id, `?ticket=${ticket}`);
    byToken.destroy();
    expect(byToken.headers['set-cookie']).toBeUndefined();
  });

  it.each(['', 'garbage', 'AAAAAAAAAAAAAAAAAAAAAA', 'a%00b', '%F0%9F', "' OR 1=1 --", 'x'.repeat(5_000)])(
    'are refused when they are none: %p',
    async (ticket) => {
      const answer = await app.get(`/jobs/${id}/events?ticket=${encodeURI(ticket)}`, null);

      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    },
  );

  it('are refused when there are two of them', async () => {
    const ticket = await ticketFor();

    expect((await app.get(`/jobs/${id}/events?ticket=${ticket}&ticket=${ticket}`, null)).status).toBe(401);
  });
});

function setCookie(stream: SseStream): string {
  return stream.headers['set-cookie']?.[0] ?? '';
}
