import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { RevocationWatch } from '../../src/access/revocation-watch.ts';
import { ADAPTERS, LATER, startApp, type TestApp } from '../support/app.ts';
import { openStream, type SseStream } from '../support/sse.ts';
import { cookieFor, mint, ticketFor, viewerClaims } from './minted.ts';

const ADMIN = { subject: 'root', tenant: 'operators', scope: 'jobs:admin' };
const SUBMISSION = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
/** Seconds: enough to open all that is to end then. */
const LIFE = 8;
const MANY = { STREAM_MAX_PER_CALLER: '1000', STREAM_HEARTBEAT_MS: '100' };

describe.each(ADAPTERS)('A stream that has lost its right on %s', (adapter) => {
  let app: TestApp;
  let other: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter, environment: MANY });
    other = await startApp({ adapter, environment: MANY, beside: app });
  });
  afterAll(async () => {
    await other.close();
    await app.close();
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  async function jobOf(as: object | string): Promise<string> {
    return (await app.submit(SUBMISSION, as)).job.id;
  }

  async function expectBye(stream: SseStream, reason: string): Promise<void> {
    await stream.untilClosed(20_000);
    expect(stream.events.at(-1)).toMatchObject({ event: 'bye', data: { reason, reconnect: false } });
    expect(stream.of('bye')).toHaveLength(1);
  }

  it('ends with the credential behind it, whatever that was turned into, and does not open again', async () => {
    const brief = { subject: 'brief', expiresIn: LIFE };
    const id = await jobOf({ subject: 'brief' });
    const path = `/jobs/${id}/events`;
    const token = await app.token(brief);
    const viewer = `jsv_${await mint(app, 'viewer', viewerClaims(id, LIFE))}`;
    const cookies: [path: string, cookie: string][] = [];
    for (const [where, body] of [
      [path, { jobs: [id] }],
      ['/jobs/events', { feed: true }],
    ] as const)
      for (const as of [token, viewer])
        cookies.push([where, await cookieFor(app, where, await ticketFor(app, body, as))]);
    const ways: [path: string, request: Parameters<typeof openStream>[1]][] = [
      ['/jobs/events', { token }],
      ['/jobs/events', { token: viewer }],
      [path, { token: viewer }],
      ...cookies.map(([where, cookie]): [string, { headers: { cookie: string } }] => [
        where,
        { headers: { cookie } },
      ]),
    ];

    const streams = await Promise.all(
      ways.map(([where, request]) => openStream(`${other.url}${where}`, request)),
    );

    for (const stream of streams) await expectBye(stream, 'expired');
    for (const process of [app, other])
      for (const [where, request] of ways)
        // Issuers' clocks may be off by some seconds: such a token is let in, and its stream ends at once.
        if (request?.token !== token) expect((await process.send(where, request, null)).status).toBe(401);
  });

  it('ends in every process when an API key is deleted in one, and opens in none', async () => {
    const made = await app.post(
      '/api-keys',
      { name: 'n', tenant: 'acme', subject: 'robot', scopes: ['jobs:read', 'jobs:write'] },
      ADMIN,
    );
    const { id: keyId, key } = made.json<{ id: string; key: string }>();
    const id = await jobOf(key);
    const path = `/jobs/${id}/events`;
    const jobTicket = await ticketFor(app, { jobs: [id] }, key);
    const feedTicket = await ticketFor(app, { feed: true }, key);
    const ways: [path: string, request: Parameters<typeof openStream>[1]][] = [
      [path, { token: key }],
      ['/jobs/events', { token: key }],
      [`${path}?ticket=${jobTicket}`, {}],
      [`/jobs/events?ticket=${feedTicket}`, {}],
      [path, { headers: { cookie: await cookieFor(app, path, jobTicket) } }],
      ['/jobs/events', { headers: { cookie: await cookieFor(app, '/jobs/events', feedTicket) } }],
    ];
    const streams = await Promise.all(
      [app, other].flatMap(({ url }) =>
        ways.map(([where, request]) => openStream(`${url}${where}`, request)),
      ),
    );
    await Promise.all(
      streams.map((stream) => stream.untilFrame(({ event }) => event === 'snapshot' || event === 'ready')),
    );

    expect((await app.send(`/api-keys/${keyId}`, { method: 'DELETE' }, ADMIN)).status).toBe(204);

    for (const stream of streams) await expectBye(stream, 'revoked');
    for (const process of [app, other])
      for (const [where, request] of ways)
        for (const cursor of ['1.0', '0'])
          expect(
            (
              await process.send(
                where,
                { ...request, headers: { ...request?.headers, 'last-event-id': cursor } },
                null,
              )
            ).status,
          ).toBe(401);
  });

  it('is not opened by a client that tries all the time while its subject is revoked', async () => {
    const subject = 'persistent';
    const id = await jobOf({ subject });
    const token = await app.token({ subject });
    const streams: SseStream[] = [];
    let revoked = false;
    let late = 0;
    const keepTrying = async ({ url }: TestApp): Promise<void> => {
      for (;;) {
        const before = revoked;
        const stream = await openStream(`${url}/jobs/${id}/events`, { token }).catch(() => null);
        if (!stream) return;
        if (before) late += 1;
        streams.push(stream);
      }
    };
    const trying = [app, other, app, other].map(keepTrying);
    await streamsAre(5, streams);

    await app.post('/revocations', { subject, tenant: 'acme' }, ADMIN);
    revoked = true;
    await Promise.all(trying);

    expect(late).toBe(0);
    for (const stream of streams) await expectBye(stream, 'revoked');
  });

  it('is told so in place of the next heartbeat, should nobody else have ended it', async () => {
    // The watch finds the revocation, but what it says to the stream is lost.
    const watch = RevocationWatch.prototype.watch;
    jest.spyOn(RevocationWatch.prototype, 'watch').mockImplementation(function (
      this: RevocationWatch,
      stream,
    ) {
      return watch.call(this, { ...stream, revoke: () => undefined });
    });
    const subject = 'forgotten';
    const id = await jobOf({ subject });
    const token = await app.token({ subject });
    const stream = await openStream(`${other.url}/jobs/${id}/events`, { token });
    const feed = await openStream(`${other.url}/jobs/events`, { token });
    for (const one of [stream, feed]) await one.untilFrame(({ comment }) => comment === 'hb');

    await app.post('/revocations', { subject, tenant: 'acme' }, ADMIN);

    for (const one of [stream, feed]) await expectBye(one, 'revoked');
  });

  it('shows its owner nothing of a job that changes after the goodbye', async () => {
    const subject = 'curious';
    const id = await jobOf({ subject });
    const token = await app.token({ subject });
    const stream = await openStream(`${other.url}/jobs/${id}/events`, { token });
    const feed = await openStream(`${other.url}/jobs/events`, { token });
    await feed.untilEvent('ready');
    await app.post('/revocations', { subject, tenant: 'acme' }, ADMIN);
    for (const one of [stream, feed]) await expectBye(one, 'revoked');

    expect((await app.cancel(id, ADMIN)).status).toBe(202);

    for (const one of [stream, feed]) expect(one.text).not.toContain('cancelled');
    expect((await other.send(`/jobs/${id}/events`, { token })).status).toBe(401);
  });
});

async function streamsAre(count: number, streams: SseStream[]): Promise<void> {
  while (streams.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
}
