import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, type Credential, startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer } from '../support/http.ts';
import { openStream, type SseStream } from '../support/sse.ts';
import { signToken } from '../support/tokens.ts';
import { cookieFor, mint, ticketFor, viewerClaims } from './minted.ts';

const ADMIN = { subject: 'root', tenant: 'operators', scope: 'jobs:admin' };
const PLACES = 20;

describe.each(ADAPTERS)('Credentials that are stolen, copied or changed on %s', (adapter) => {
  let app: TestApp;
  let id: string;
  let path: string;
  beforeAll(async () => {
    app = await startApp({ adapter, environment: { STREAM_MAX_PER_CALLER: String(PLACES) } });
    id = await app.waitingJob();
    path = `/jobs/${id}/events`;
  });
  afterAll(() => app.close());

  async function statusWith(cookie: string, where = path): Promise<number> {
    // HEAD opens no stream, and is let in like GET.
    return (await app.send(where, { method: 'HEAD', headers: { cookie } }, null)).status;
  }

  it('a ticket that is redeemed fifty times at once opens as many streams as its maker may have', async () => {
    const ticket = await ticketFor(app, { jobs: [id] });
    const streams: SseStream[] = [];
    const open = async (): Promise<string> =>
      openStream(`${app.url}${path}?ticket=${ticket}`).then(
        (stream) => (streams.push(stream), 'open'),
        (error: Error) => /Status \d+/.exec(error.message)?.[0] ?? error.message,
      );

    const outcomes = await Promise.all(Array.from({ length: 50 }, open));

    expect(outcomes.filter((outcome) => outcome === 'open')).toHaveLength(PLACES);
    expect(outcomes.filter((outcome) => outcome === 'Status 429')).toHaveLength(50 - PLACES);
    for (const stream of streams) stream.destroy();
    await eventually(async () => expect(await open()).toBe('open'));
    for (const stream of streams) stream.destroy();
  });

  it('a ticket with any character changed is none', async () => {
    const ticket = await ticketFor(app, { jobs: [id] });
    const changed = [...ticket].map(
      (char, at) => ticket.slice(0, at) + (char === 'A' ? 'B' : 'A') + ticket.slice(at + 1),
    );
    const others = [
      ticket.toLowerCase(),
      ticket.toUpperCase(),
      `${ticket}=`,
      ` ${ticket}`,
      ticket.slice(1),
      `${ticket}A`,
    ];

    for (const guess of [...changed, ...others].filter((one) => one !== ticket))
      expect((await app.get(`${path}?ticket=${encodeURIComponent(guess)}`, null)).status).toBe(401);
  });

  it('a ticket that is redeemed while its maker is revoked opens nothing that stays open', async () => {
    const thief = { subject: 'thief-of-tickets' };
    const own = (
      await app.submit(
        { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: '2100-01-01T00:00:00Z' },
        thief,
      )
    ).job.id;
    const ticket = await ticketFor(app, { jobs: [own] }, thief);
    const url = `${app.url}/jobs/${own}/events?ticket=${ticket}`;
    let revoked = false;
    const streams: SseStream[] = [];
    const late: string[] = [];
    const redeem = async (): Promise<void> => {
      while (streams.length < 15) {
        const before = revoked;
        const stream = await openStream(url).catch(() => null);
        if (!stream) return;
        if (before) late.push('opened after the revocation');
        streams.push(stream);
      }
    };

    const redeeming = [redeem(), redeem(), redeem()];
    const answer = await app.post('/revocations', { subject: thief.subject, tenant: 'acme' }, ADMIN);
    revoked = true;
    await Promise.all(redeeming);

    expect(answer.status).toBe(201);
    expect(late).toEqual([]);
    for (const stream of streams) {
      await stream.untilClosed();
      expect(stream.events.at(-1)?.data).toEqual({ reason: 'revoked', reconnect: false });
    }
    expect((await app.get(`/jobs/${own}/events?ticket=${ticket}`, null)).status).toBe(401);
  });

  it('a cookie with a bit of any byte changed is none', async () => {
    const cookie = await cookieFor(app, path, await ticketFor(app, { jobs: [id] }));
    const parts = cookie.slice('jobstream_stream='.length).split('.');
    expect(await statusWith(cookie)).toBe(200);

    for (const [index, part] of parts.entries()) {
      const bytes = Buffer.from(part, 'base64url');
      for (let at = 0; at < bytes.length; at += 1) {
        const copy = Buffer.from(bytes);
        copy.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
        const value = parts.with(index, copy.toString('base64url')).join('.');
        expect([at, await statusWith(`jobstream_stream=${value}`)]).toEqual([at, 401]);
      }
    }
  }, 60_000);

  it('a cookie opens nothing at another path, job, tenant or deployment', async () => {
    const cookie = await cookieFor(app, path, await ticketFor(app, { jobs: [id] }));
    const feedCookie = await cookieFor(app, '/jobs/events', await ticketFor(app, { feed: true }));
    const second = await app.waitingJob();
    const foreign = (
      await app.submit({ type: 'demo.steps', payload: { steps: 1, stepMs: 0 } }, { tenant: 'globex' })
    ).job.id;
    for (const job of [second, foreign]) expect(await statusWith(cookie, `/jobs/${job}/events`)).toBe(401);
    for (const job of [id, second, foreign, 'null', 'undefined'])
      expect(await statusWith(feedCookie, `/jobs/${job}/events`)).toBe(401);
    expect(await statusWith(cookie, '/jobs/events')).toBe(401);
    // Let in as what it is, the feed's cookie finds no job that is called like it.
    expect(await statusWith(feedCookie, '/jobs/feed/events')).toBe(404);

    const elsewhere = await startApp({ adapter });
    try {
      // The databases of tests are copies of one; those of deployments have keys of their own.
      await elsewhere.dataSource.query(`UPDATE jobs.signing_key SET key = sha256(key)`);
      for (const value of [cookie, feedCookie])
        for (const where of [path, '/jobs/events']) {
          const request = { method: 'HEAD', headers: { cookie: value } };
          expect((await elsewhere.send(where, request, null)).status).toBe(401);
        }
    } finally {
      await elsewhere.close();
    }
  });

  it('what the service signs for one purpose is worth nothing for another', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const cookieClaims = {
      tenant: 'acme',
      scope: 'jobs:admin',
      stream: id,
      sub: 'alice',
      iss: 'jobstream',
      aud: 'jobstream:stream',
      iat: now,
      exp: now + 60,
    };
    const bearers = [
      await mint(app, 'viewer', { ...viewerClaims(id), aud: 'jobstream:stream' }),
      await mint(app, 'stream', viewerClaims(id)),
      await mint(app, 'viewer', viewerClaims(id), 'HS512'),
      await mint(app, 'viewer', { ...viewerClaims(id), exp: undefined }),
      await mint(app, 'viewer', { ...viewerClaims(id), job: undefined }),
      await mint(app, 'viewer', { ...viewerClaims(id), job: [id] as never }),
      await mint(app, 'viewer', { ...viewerClaims(id), tenant: undefined }),
      await mint(app, 'viewer', { ...viewerClaims(id), iss: 'https://issuer.test' }),
    ];
    for (const token of bearers)
      for (const prefix of ['jsv_', '', 'jsk_'])
        expect((await app.get('/jobs', prefix + token)).status).toBe(401);
    const cookies = [
      await mint(app, 'viewer', cookieClaims),
      await mint(app, 'stream', { ...cookieClaims, aud: 'jobstream:viewer' }),
      await mint(app, 'stream', cookieClaims, 'HS512'),
      await mint(app, 'stream', { ...cookieClaims, exp: undefined }),
      await mint(app, 'stream', { ...cookieClaims, exp: now - 1 }),
      await mint(app, 'stream', { ...cookieClaims, iat: undefined }),
      await mint(app, 'stream', { ...cookieClaims, stream: undefined }),
    ];
    for (const value of cookies) expect(await statusWith(`jobstream_stream=${value}`)).toBe(401);
    // What is minted here is right but for the one part: the same without a fault is taken.
    expect((await app.get('/jobs', `jsv_${await mint(app, 'viewer', viewerClaims(id))}`)).status).toBe(200);
    expect(await statusWith(`jobstream_stream=${await mint(app, 'stream', cookieClaims)}`)).toBe(200);
  });

  it('what a viewer token is turned into lives no longer than the token', async () => {
    const token = `jsv_${await mint(app, 'viewer', viewerClaims(id, 30))}`;
    for (const [body, where] of [
      [{ jobs: [id] }, path],
      [{ feed: true }, '/jobs/events'],
    ] as const) {
      const made = (await app.post('/tickets', body, token)).json<{ ticket: string; expiresAt: string }>();
      expect(Date.parse(made.expiresAt)).toBeLessThanOrEqual(Date.now() + 30_000);
      const stream = await openStream(`${app.url}${where}?ticket=${made.ticket}`);
      stream.destroy();
      expect(Number(/Max-Age=(\d+)/.exec(stream.headers['set-cookie']?.[0] ?? '')?.[1])).toBeLessThanOrEqual(
        30,
      );
    }
  });

  it('no lasting credential is taken from a URL, under whatever name', async () => {
    const key = (
      await app.post(
        '/api-keys',
        { name: 'n', tenant: 'acme', subject: 'alice', scopes: ['jobs:read'] },
        ADMIN,
      )
    ).json<{ key: string }>().key;
    const viewer = `jsv_${await mint(app, 'viewer', viewerClaims(id))}`;
    const cookie = await cookieFor(app, path, await ticketFor(app, { jobs: [id] }));
    const names = [
      'token',
      'access_token',
      'ticket',
      'jwt',
      'key',
      'api_key',
      'apikey',
      'authorization',
      'auth',
      'bearer',
      'viewer',
      'cookie',
      'jobstream_stream',
    ];
    const status = async (where: string, as: Credential = null): Promise<Answer> =>
      app.send(where, { method: 'HEAD' }, as);
    for (const value of [await signToken({ scope: 'jobs:admin' }), key, viewer, cookie.split('=')[1] ?? '']) {
      const query = names.flatMap((name) => [`${name}=${value}`, `${name}=Bearer%20${value}`]).join('&');
      for (const where of ['/jobs', `/jobs/${id}`, path, '/jobs/events', '/api-keys']) {
        expect((await status(`${where}?${query}`)).status).toBe(401);
        for (const name of names)
          if (where === path) expect((await status(`${where}?${name}=${value}`)).status).toBe(401);
      }
    }
  });
});
