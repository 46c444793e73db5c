import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { SignJWT } from 'jose';
import { ANY_ADAPTER, type Credential, LATER, startApp, type TestApp } from '../support/app.ts';
import { openStream, type SseStream } from '../support/sse.ts';
import { JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET } from '../support/tokens.ts';

const ADMIN = { subject: 'root', tenant: 'operators', scope: 'jobs:admin' };
let names = 0;

interface Parts {
  tenant?: string;
  jti?: string;
  /** Seconds from now. */
  issued?: number | null;
}

function tokenOf(sub: string, { tenant = 'acme', jti, issued = 0 }: Parts = {}): Promise<string> {
  const now = Date.now() / 1_000;
  return new SignJWT({
    tenant,
    scope: 'jobs:read jobs:write',
    ...(jti === undefined ? {} : { jti }),
    ...(issued === null ? {} : { iat: now + issued }),
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuer(JWT_ISSUER)
    .setAudience(JWT_AUDIENCE)
    .setExpirationTime(Math.floor(now) + 3_600)
    .sign(createSecretKey(Buffer.from(JWT_SECRET, 'utf8')));
}

describe.each(ANY_ADAPTER)('Revocations on %s', (adapter) => {
  let app: TestApp;
  let other: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
    other = await startApp({ adapter, beside: app });
  });
  afterAll(async () => {
    await other.close();
    await app.close();
  });

  /** A subject that no other test knows, with a job. */
  async function somebody(parts: Parts = {}) {
    const subject = `user-${(names += 1)}`;
    const token = await tokenOf(subject, parts);
    const submission = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
    const { job, viewer } = await app.submit(submission, token);
    return { subject, token, id: job.id, viewer: viewer.token };
  }

  async function ticketFor(body: object, as: Credential): Promise<string> {
    return (await app.post('/tickets', body, as)).json<{ ticket: string }>().ticket;
  }

  async function revoke(body: object): Promise<number> {
    const answer = await app.post('/revocations', body, ADMIN);
    expect([answer.status, answer.text]).toEqual([201, expect.stringContaining('revokedAt')]);
    return Date.now();
  }

  async function started(stream: SseStream): Promise<SseStream> {
    await stream.untilFrame(({ event }) => event === 'snapshot' || event === 'ready');
    return stream;
  }

  /** A stream in each process, by each kind of credential that comes from the token. */
  async function openStreams({ id, token, viewer }: { id: string; token: string; viewer: string }) {
    const path = `/jobs/${id}/events`;
    const ticket = await ticketFor({ jobs: [id] }, token);
    const byTicket = await openStream(`${other.url}${path}?ticket=${ticket}`);
    const cookie = byTicket.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
    const streams = await Promise.all([
      app.stream(id, '', {}, token),
      other.stream(id, '', {}, token),
      openStream(`${other.url}${path}`, { headers: { cookie } }),
      other.stream(id, '', {}, viewer),
      openStream(`${other.url}/jobs/events`, { token }),
    ]);
    const all = await Promise.all([byTicket, ...streams].map(started));
    return { all, ticket, cookie, path };
  }

  async function expectRevoked(streams: SseStream[], at: number): Promise<void> {
    for (const stream of streams) {
      await stream.untilClosed();
      const last = stream.events.at(-1);
      expect(last).toMatchObject({ event: 'bye', data: { reason: 'revoked', reconnect: false } });
      expect((last?.at ?? Infinity) - at).toBeLessThan(1_000);
    }
  }

  it('of a subject end its streams in every process within a second, and refuse what they came with', async () => {
    const user = await somebody({ issued: -1 });
    const bystander = await somebody();
    const open = await openStreams(user);
    const unharmed = await started(await other.stream(bystander.id, '', {}, bystander.token));

    const at = await revoke({ subject: user.subject, tenant: 'acme' });

    await expectRevoked(open.all, at);
    expect(unharmed.closed).toBe(false);
    unharmed.destroy();
    for (const process of [app, other]) {
      expect((await process.get('/jobs', user.token)).status).toBe(401);
      expect((await process.post('/jobs', {}, user.token)).status).toBe(401);
      expect((await process.post('/tickets', { feed: true }, user.token)).status).toBe(401);
      expect((await process.get(`/jobs/${user.id}`, user.viewer)).status).toBe(401);
      expect((await process.get(open.path, user.token)).status).toBe(401);
      expect((await process.get(`${open.path}?ticket=${open.ticket}`, null)).status).toBe(401);
      expect((await process.send(open.path, { headers: { cookie: open.cookie } }, null)).status).toBe(401);
    }
    expect((await app.get('/jobs', bystander.token)).status).toBe(200);
  });

  it('of a subject leave what is issued afterwards', async () => {
    const user = await somebody({ issued: -1 });
    await revoke({ subject: user.subject, tenant: 'acme' });

    const token = await tokenOf(user.subject, { issued: 0.5 });

    expect((await app.get(`/jobs/${user.id}`, token)).status).toBe(200);
    const ticket = await ticketFor({ jobs: [user.id] }, token);
    const stream = await started(await openStream(`${other.url}/jobs/${user.id}/events?ticket=${ticket}`));
    stream.destroy();
  });

  it('of a subject refuse a token that does not say when it was issued', async () => {
    const user = await somebody({ issued: null });
    expect((await app.get('/jobs', user.token)).status).toBe(200);

    await revoke({ subject: user.subject, tenant: 'acme' });

    expect((await app.get('/jobs', user.token)).status).toBe(401);
  });

  it('of a tenant end the streams of all its subjects, and of no other tenant', async () => {
    const tenant = `tenant-${(names += 1)}`;
    const users = [await somebody({ tenant, issued: -1 }), await somebody({ tenant, issued: -1 })];
    const bystander = await somebody();
    const streams = await Promise.all(
      users.map(async ({ id, token }) => started(await other.stream(id, '', {}, token))),
    );

    const at = await revoke({ tenant });

    await expectRevoked(streams, at);
    for (const { token } of users) expect((await other.get('/jobs', token)).status).toBe(401);
    expect((await other.get('/jobs', bystander.token)).status).toBe(200);
  });

  it('of a token end what it opened, and leave the other tokens of its subject', async () => {
    const user = await somebody({ jti: 'first-token' });
    const second = await tokenOf(user.subject, { jti: 'second-token' });
    const open = await openStreams(user);
    const unharmed = await started(await other.stream(user.id, '', {}, second));

    const at = await revoke({ tokenId: 'first-token' });

    // The viewer token came with the answer to the submission: only its subject, tenant and job revoke it.
    await expectRevoked(open.all.toSpliced(4, 1), at);
    expect((await other.get(`${open.path}?ticket=${open.ticket}`, null)).status).toBe(401);
    expect((await other.send(open.path, { headers: { cookie: open.cookie } }, null)).status).toBe(401);
    expect((await other.get('/jobs', user.token)).status).toBe(401);
    expect((await other.get('/jobs', second)).status).toBe(200);
    expect(unharmed.closed).toBe(false);
    unharmed.destroy();
    open.all[4]?.destroy();
  });

  it('of a token refuse the viewer tokens of the jobs that were submitted with it', async () => {
    const user = await somebody({ jti: 'submitter' });
    const stream = await started(await other.stream(user.id, '', {}, user.viewer));

    const at = await revoke({ tokenId: 'submitter' });

    await expectRevoked([stream], at);
    expect((await app.get(`/jobs/${user.id}`, user.viewer)).status).toBe(401);
  });

  it('of a subject end what was opened with a token from a clock that is ahead', async () => {
    const user = await somebody({ issued: 25 });
    const stream = await started(await other.stream(user.id, '', {}, user.token));

    await expectRevoked([stream], await revoke({ subject: user.subject, tenant: 'acme' }));
  });

  it('of a job end its streams and refuse what was bound to it, but not its owner', async () => {
    const user = await somebody();
    const open = await openStreams(user);

    const at = await revoke({ job: user.id });

    await expectRevoked(open.all.slice(0, 5), at);
    expect(open.all[5]?.closed).toBe(false);
    open.all[5]?.destroy();
    expect((await app.get(`/jobs/${user.id}`, user.viewer)).status).toBe(401);
    expect((await app.get(`${open.path}?ticket=${open.ticket}`, null)).status).toBe(401);
    expect((await app.send(open.path, { headers: { cookie: open.cookie } }, null)).status).toBe(401);
    const ticket = await ticketFor({ jobs: [user.id] }, user.token);
    const again = await started(await openStream(`${other.url}${open.path}?ticket=${ticket}`));
    again.destroy();
  });

  it('outlive a Redis that forgets everything, and a restart', async () => {
    const user = await somebody({ issued: -1 });
    const stream = await started(await other.stream(user.id, '', {}, user.token));
    await revoke({ subject: user.subject, tenant: 'acme' });
    const redis = new Redis(app.redis.url);
    const keys = await redis.keys(`${app.redis.prefix.replaceAll(/[[\]*?\\]/g, '\\$&')}*`);
    if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();

    await stream.untilClosed();
    const third = await startApp({ adapter, beside: app });
    try {
      for (const process of [app, other, third])
        expect((await process.get('/jobs', user.token)).status).toBe(401);
    } finally {
      await third.close();
    }
  });

  it('are made by administrators alone', async () => {
    expect((await app.post('/revocations', { tenant: 'acme' }, null)).status).toBe(401);
    for (const scope of ['jobs:read jobs:write', 'jobs:tenant']) {
      const answer = await app.post('/revocations', { tenant: 'acme' }, { scope });
      expect([answer.status, answer.json()['code']]).toEqual([403, 'insufficient_scope']);
    }
  });

  it.each([
    [{}],
    [{ subject: 'alice' }],
    [{ tenant: '' }],
    [{ tenant: 'acme', job: '0190aaaa-0000-7000-8000-000000000001' }],
    [{ tenant: 'acme', subject: 'alice', tokenId: 'x' }],
    [{ tokenId: 'x', key: '0190aaaa-0000-7000-8000-000000000001' }],
    [{ tenant: ['acme'] }],
    [{ tenant: 'a\u0000' }],
    [{ tokenId: 'x'.repeat(256) }],
    [{ job: 'not-an-id' }],
    [{ everything: true }],
    [[]],
    [null],
  ])('are refused for the body %j', async (body) => {
    const answer = await app.post('/revocations', body, ADMIN);

    expect(answer.status).toBe(400);
    expect(answer.json()['code']).toMatch(/^(invalid|bad)_request$/);
  });

  it('cannot be avoided by a token that claims to be issued in the future, or whose id is none', async () => {
    for (const parts of [{ issued: 120 }, { jti: '' }, { jti: 'a\u0000' }, { jti: 'x'.repeat(256) }])
      expect((await app.get('/jobs', await tokenOf('alice', parts))).status).toBe(401);
  });
});
