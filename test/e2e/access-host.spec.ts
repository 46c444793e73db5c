import type { INestApplication } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, LATER, type Submitted } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, type Request, send } from '../support/http.ts';
import { createTestDatabase, type TestDatabase } from '../support/services.ts';
import { Sessions, startSessionHost, type User } from '../support/session-host.ts';
import { openStream, type SseStream } from '../support/sse.ts';

const UNKNOWN = '00000000-0000-7000-8000-000000000000';
const TOMORROW = (): Date => new Date(Date.now() + 86_400_000);

describe.each(ANY_ADAPTER)('A host with sessions of its own on %s', (adapter) => {
  const open: SseStream[] = [];
  let database: TestDatabase;
  let host: INestApplication;
  let sessions: Sessions;
  let url: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    host = await startSessionHost(adapter, database);
    sessions = host.get(Sessions, { strict: false });
    url = await host.getUrl();
    logIn('ann', {});
    logIn('ben', {});
    logIn('max', { roles: ['manager', 'jobs:tenant'] });
    logIn('eve', { company: 'globex', roles: ['manager', 'jobs:tenant'] });
  });
  afterEach(() => {
    for (const stream of open.splice(0)) stream.destroy();
  });
  afterAll(async () => {
    await host.close();
    await database.drop();
  });

  function logIn(name: string, user: Partial<User>): void {
    const session = { name, company: 'acme', roles: [], loggedInUntil: TOMORROW(), ...user };
    sessions.users.set(name, session);
  }

  function call(as: string, path: string, request: Request = {}): Promise<Answer> {
    const { headers, ...rest } = request;
    return send(`${url}${path}`, { ...rest, headers: { cookie: `theme=dark; session=${as}`, ...headers } });
  }

  function post(as: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
    return call(as, path, { method: 'POST', body, headers });
  }

  async function submit(as: string, tags: string[] = []): Promise<Submitted> {
    return (await post(as, '/jobs', { type: 'sleep', payload: {}, runAt: LATER, tags })).json<Submitted>();
  }

  async function follow(as: string, path: string, headers = {}): Promise<SseStream> {
    const stream = await openStream(`${url}${path}`, { headers: { cookie: `session=${as}`, ...headers } });
    open.push(stream);
    return stream;
  }

  async function idsSeenBy(as: string): Promise<string[]> {
    const { jobs } = (await call(as, '/jobs')).json<{ jobs: { id: string }[] }>();
    return jobs.map(({ id }) => id);
  }

  it('answers what its guard throws', async () => {
    const answer = await call('nobody', '/jobs');

    expect([answer.status, answer.json()['message']]).toEqual([401, 'Please log in.']);
  });

  it('makes its users the owners of their jobs, and shows those to nobody else', async () => {
    const { job } = await submit('ann');

    expect(job).toMatchObject({ tenant: 'acme', owner: 'ann' });
    const seen = await Promise.all(['ann', 'max', 'ben', 'eve'].map((as) => call(as, `/jobs/${job.id}`)));
    expect(seen.map(({ status }) => status)).toEqual([200, 200, 404, 404]);
  });

  it('streams a job to the browser by the session cookie alone', async () => {
    const { job } = await submit('ann');
    const stream = await follow('ann', job.links.events);

    await post('ann', `/jobs/${job.id}/cancel`);

    expect((await stream.untilEvent('end')).data?.job?.status).toBe('cancelled');
  });

  it('closes a stream when the session ends', async () => {
    logIn('short', { loggedInUntil: new Date(Date.now() + 1_500) });
    const { job } = await submit('short');
    const stream = await follow('short', job.links.events);

    const bye = await stream.untilEvent('bye');

    expect(bye.data).toMatchObject({ reason: 'expired', reconnect: false });
  });

  it('keeps its viewer tokens to reading, whatever its policy allows', async () => {
    const { job, viewer } = await submit('max');
    const { job: other } = await submit('max');
    const bearer = { token: viewer.token };

    expect((await send(`${url}/jobs/${job.id}`, bearer)).status).toBe(200);
    expect((await send(`${url}/jobs/${other.id}`, bearer)).status).toBe(404);
    const cancel = await send(`${url}/jobs/${job.id}/cancel`, { method: 'POST', ...bearer });
    expect([cancel.status, cancel.json()['code']]).toEqual([403, 'insufficient_scope']);
  });

  describe('with a policy that hides some jobs and locks others', () => {
    const confidential = ['board'];
    beforeAll(() => void sessions.confidential.add('board'));

    it('shows a hidden job nowhere: it is as if there were none', async () => {
      const { job } = await submit('max', confidential);
      logIn('mia', { roles: ['jobs:tenant'] });
      const [hidden, unknown, logs, events] = await Promise.all(
        [`/jobs/${job.id}`, `/jobs/${UNKNOWN}`, `/jobs/${job.id}/logs`, `/jobs/${job.id}/events`].map(
          (path) => call('mia', path),
        ),
      );

      expect([hidden?.status, hidden?.text]).toEqual([404, unknown?.text]);
      expect([logs?.text, events?.text]).toEqual([unknown?.text, unknown?.text]);
      expect(await idsSeenBy('mia')).not.toContain(job.id);
      expect(await idsSeenBy('max')).toContain(job.id);
      expect((await post('mia', '/tickets', { jobs: [job.id] })).status).toBe(404);
      expect((await post('mia', `/jobs/${job.id}/cancel`)).status).toBe(404);
    });

    it('leaves a hidden job out of feeds, from the first state and from then on', async () => {
      const { job: before } = await submit('max', confidential);
      logIn('mia', { roles: ['jobs:tenant'] });
      const feed = await follow('mia', '/jobs/events');
      await feed.untilEvent('ready');
      const { job: hidden } = await submit('max', confidential);
      const { job: shown } = await submit('max');

      await feed.untilFrame(({ data }) => data?.job?.id === shown.id);

      expect(feed.text).not.toContain(before.id);
      expect(feed.text).not.toContain(hidden.id);
    });

    it('answers 403 to what may be seen but not done', async () => {
      const { job } = await submit('ann', ['locked']);

      const answer = await post('ann', `/jobs/${job.id}/cancel`);

      expect([answer.status, answer.json()['code']]).toEqual([403, 'forbidden']);
      expect((await post('max', `/jobs/${job.id}/cancel`)).status).toBe(202);
    });

    it('refuses to submit what its users may not', async () => {
      const answer = await post('ann', '/jobs', { type: 'sleep', payload: {}, tags: confidential });

      expect([answer.status, answer.json()['code']]).toEqual([403, 'forbidden']);
    });

    it('ends an open stream at the next heartbeat when it changes its mind', async () => {
      const { job } = await submit('ann', ['merger']);
      const stream = await follow('ann', job.links.events);
      await stream.untilEvent('snapshot');

      sessions.confidential.add('merger');

      expect((await stream.untilEvent('bye')).data).toMatchObject({ reason: 'revoked' });
      expect((await call('ann', job.links.events)).status).toBe(404);
    });

    it('ends an open stream, and nothing else, when it fails', async () => {
      const { job } = await submit('ann', ['fragile']);
      const stream = await follow('ann', job.links.events);
      await stream.untilEvent('snapshot');

      sessions.faulty.add('fragile');

      expect((await stream.untilEvent('bye')).data).toMatchObject({ reason: 'revoked' });
      sessions.faulty.clear();
      expect((await call('ann', job.links.self)).status).toBe(200);
    });

    it('ends the feed of a user over whom it fails, and shows the change to all others', async () => {
      logIn('zoe', { roles: ['jobs:tenant'] });
      const feeds = await Promise.all(['zoe', 'max'].map((as) => follow(as, '/jobs/events')));
      await Promise.all(feeds.map((feed) => feed.untilEvent('ready')));
      sessions.faultyUsers.add('zoe');

      const { job } = await submit('max');

      const [zoe, max] = feeds;
      expect((await zoe?.untilEvent('bye'))?.data).toMatchObject({ reason: 'revoked', reconnect: false });
      await max?.untilFrame(({ data }) => data?.job?.id === job.id);
      const again = await follow('zoe', '/jobs/events');
      expect((await again.untilEvent('bye')).data).toMatchObject({ reason: 'revoked' });
      sessions.faultyUsers.clear();
      expect((await call('zoe', job.links.self)).status).toBe(200);
    });

    it('shows nothing more in an open feed when it changes its mind', async () => {
      const { job } = await submit('ann', ['audit']);
      const feed = await follow('ann', '/jobs/events');
      await feed.untilEvent('ready');
      sessions.confidential.add('audit');

      await post('max', `/jobs/${job.id}/cancel`);
      const { job: other } = await submit('ann');
      await feed.untilFrame(({ data }) => data?.job?.id === other.id);

      const shown = feed.events.filter(({ data }) => data?.job?.id === job.id);
      // Repeats are allowed, so how often is not ours to say.
      expect(new Set(shown.map(({ data }) => data?.job?.status))).toEqual(new Set(['queued']));
    });
  });

  describe('as browsers see it', () => {
    it.each([
      ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
      ['a page of another origin of the site', { 'sec-fetch-site': 'same-site' }],
      ['an older browser on a page of another site', { origin: 'https://evil.example' }],
      ['a page in a sandbox', { origin: 'null' }],
    ])('refuses changes by %s', async (_name, headers) => {
      const { job } = await submit('ann');

      const answer = await post('ann', `/jobs/${job.id}/cancel`, undefined, headers);

      expect([answer.status, answer.json()['code']]).toEqual([403, 'cross_site_refused']);
      expect((await call('ann', `/jobs/${job.id}`)).json()['status']).toBe('queued');
    });

    it.each([
      ['a page of its own', () => ({ 'sec-fetch-site': 'same-origin', origin: url })],
      ['an older browser on a page of its own', () => ({ origin: url })],
      ['its address bar', () => ({ 'sec-fetch-site': 'none' })],
      [
        'a page of a trusted origin',
        () => ({ origin: 'https://partner.example', 'sec-fetch-site': 'cross-site' }),
      ],
    ])('takes changes by %s', async (_name, headers) => {
      const { job } = await submit('ann');

      expect((await post('ann', `/jobs/${job.id}/cancel`, undefined, headers())).status).toBe(202);
    });

    it.each(['', 'Basic YTpi', 'Negotiate abc'])(
      'takes "Authorization: %s" for one that a browser adds by itself',
      async (authorization) => {
        const { job } = await submit('ann');
        const headers = { authorization, 'sec-fetch-site': 'cross-site' };
        const answer = await post('ann', `/jobs/${job.id}/cancel`, undefined, headers);

        expect([answer.status, answer.json()['code']]).toEqual([403, 'cross_site_refused']);
      },
    );

    it('lets pages of another site read nothing', async () => {
      const { job } = await submit('ann');
      const crossSite = { headers: { 'sec-fetch-site': 'cross-site' } };

      const answers = await Promise.all(
        [`/jobs/${job.id}`, '/jobs', job.links.events, '/jobs/events'].map((path) =>
          call('ann', path, crossSite),
        ),
      );

      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    });
  });

  it('revokes a user everywhere', async () => {
    logIn('root', { roles: ['jobs:admin'] });
    const { job } = await submit('ben');
    const stream = await follow('ben', job.links.events);
    await stream.untilEvent('snapshot');

    await post('root', '/revocations', { tenant: 'acme', subject: 'ben' });

    expect((await stream.untilEvent('bye')).data).toMatchObject({ reason: 'revoked' });
    await eventually(async () => expect((await call('ben', '/jobs')).status).toBe(401));
  });
});
