import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import type { Request } from '../support/http.ts';
import { openStream, type SseStream } from '../support/sse.ts';

describe.each(ADAPTERS)('How streams live and end on %s', (adapter) => {
  const open: SseStream[] = [];
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({
      adapter,
      environment: { STREAM_HEARTBEAT_MS: '300', STREAM_MAX_PER_CALLER: '2' },
    });
  });
  // Waiting until the places are free keeps one test's streams out of the next one's cap.
  afterEach(async () => {
    for (const stream of open.splice(0)) stream.destroy();
    await eventually(async () => expect(await openStreams(app)).toBe(0));
  });
  afterAll(() => app.close());

  async function follow(id: string, query = '', request: Request = {}): Promise<SseStream> {
    const stream = await app.stream(id, query, request);
    open.push(stream);
    return stream;
  }

  it('sends a comment when there was nothing else to send', async () => {
    const stream = await follow(await app.waitingJob());
    await stream.untilEvent('snapshot');

    const heartbeat = await stream.untilFrame(({ comment }) => comment !== null);

    expect(heartbeat.raw).toBe(': hb');
    expect(stream.events.map(({ event }) => event)).toEqual(['snapshot']);
  });

  it('sends no heartbeat while there is something to send', async () => {
    const id = await app.steps({ steps: 60, stepMs: 25 });
    const stream = await follow(id);

    await stream.untilClosed();

    expect(stream.frames.filter(({ comment }) => comment !== null)).toEqual([]);
  });

  it('sends the heartbeat as an event with the current id on request', async () => {
    const stream = await follow(await app.waitingJob(), '?heartbeat=event');

    const heartbeat = await stream.untilEvent('heartbeat');

    expect(heartbeat).toMatchObject({ id: '1.0', data: {}, comment: null });
  });

  it('closes at the expiry of the token and tells the client not to come back with it', async () => {
    const token = await app.token({ expiresIn: 2 });
    const expiresAt = Number(decodeJwt(token).exp) * 1_000;
    const stream = await follow(await app.waitingJob(), '', { token });

    await stream.untilClosed();

    const bye = stream.events.at(-1);
    expect(bye).toMatchObject({
      event: 'bye',
      id: '1.0',
      data: { reason: 'expired', reconnect: false },
      retry: null,
    });
    expect(bye?.at).toBeGreaterThanOrEqual(expiresAt - 10);
    expect(bye?.at).toBeLessThan(expiresAt + 1_000);
  });

  it('answers HEAD at once, without a stream', async () => {
    const id = await app.waitingJob();

    const answer = await app.send(`/jobs/${id}/events`, { method: 'HEAD' });

    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(await openStreams(app)).toBe(0);
  });

  it('refuses by HEAD what it refuses by GET', async () => {
    const unknown = '/jobs/00000000-0000-7000-8000-000000000000/events';

    expect((await app.send(unknown, { method: 'HEAD' })).status).toBe(404);
    expect((await app.send(unknown, { method: 'HEAD' }, null)).status).toBe(401);
  });

  it('does not cancel the job of a viewer that leaves', async () => {
    const id = await app.steps({ steps: 40, stepMs: 25 });
    const stream = await follow(id);
    await stream.untilEvent('progress');

    stream.destroy();

    expect(await app.untilFinal(id)).toMatchObject({ status: 'completed', cancelRequestedAt: null });
  });

  describe('with as many streams as a caller may have', () => {
    let id: string;
    let request: Request;
    beforeAll(async () => {
      id = await app.waitingJob();
      request = { token: await app.token() };
    });

    it('answers 429 with Retry-After and says why', async () => {
      await Promise.all([follow(id), follow(id)]);

      const answer = await app.send(`/jobs/${id}/events`, request);

      expect(answer.status).toBe(429);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.json()).toMatchObject({ statusCode: 429, code: 'too_many_streams' });
    });

    it('takes another one once a client has left', async () => {
      const [first] = await Promise.all([follow(id), follow(id)]);
      first.destroy();

      const next = await eventually(() => follow(id));

      expect((await next.untilEvent('snapshot')).id).toBe('1.0');
    });

    it('takes another one once a stream has ended', async () => {
      const ending = await app.waitingJob();
      const [, second] = await Promise.all([follow(id), follow(ending)]);
      await app.cancel(ending);
      await second.untilClosed();

      const next = await eventually(() => follow(id));

      expect((await next.untilEvent('snapshot')).id).toBe('1.0');
    });

    it('does not count requests that were refused, nor those of other callers', async () => {
      await Promise.all([follow(id), follow(id)]);
      for (let attempt = 0; attempt < 5; attempt += 1) await app.send(`/jobs/${id}/events`, request);

      const other = await app.stream(id, '', {}, { subject: 'bob', scope: 'jobs:read jobs:tenant' });
      open.push(other);

      expect((await other.untilEvent('snapshot')).data?.job?.id).toBe(id);
    });

    it('gives every place back when a hundred clients come and go at once', async () => {
      const url = `${app.url}/jobs/${id}/events`;
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, () =>
          openStream(url, request).then(
            (stream) => stream.destroy(),
            () => undefined,
          ),
        ),
      );

      expect(outcomes).toHaveLength(100);
      await eventually(async () => expect(await openStreams(app)).toBe(0));
      await Promise.all([follow(id), follow(id)]);
    });
  });
});

/** What the service says of its open streams. */
async function openStreams(app: TestApp): Promise<number> {
  const { text } = await app.get('/metrics', null);
  return Number(/^jobstream_open_streams (\d+)$/m.exec(text)?.[1]);
}
