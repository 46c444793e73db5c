import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Jobs } from '../../src/index.ts';
import { Admission } from '../../src/stream/admission.ts';
import { JobHub } from '../../src/stream/job-hub.ts';
import { ADAPTERS, type Adapter } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, type Request, send } from '../support/http.ts';
import { RawConnection, requestText } from '../support/raw-connection.ts';
import { type HostShape, ShapedHost } from '../support/shaped-host.ts';
import { increases, openStream, type SseStream } from '../support/sse.ts';
import { signToken } from '../support/tokens.ts';

const UNKNOWN = '00000000-0000-7000-8000-000000000000';
const LATER = new Date('2100-01-01');

const SHAPES: [name: string, shape: HostShape][] = [
  ['nothing of its own', {}],
  ['an interceptor that wraps answers', { envelope: true }],
  ['a slow pipe and a filter', { pipe: true, filter: true }],
  ['a prefix and versions in the path', { prefix: true, versions: 'uri' }],
  ['versions in a header', { versions: 'header' }],
  ['all at once', { envelope: true, pipe: true, filter: true, prefix: true, versions: 'header' }],
];
const HOSTS = ADAPTERS.flatMap((adapter) =>
  SHAPES.map(([name, shape]): [string, Adapter, HostShape] => [name, adapter, shape]),
);

describe.each(HOSTS)('Streams in a host with %s, on %s,', (_name, adapter, shape) => {
  const open: { destroy(): void }[] = [];
  let host: ShapedHost;
  let token: string;
  beforeAll(async () => {
    host = await ShapedHost.start(adapter, shape);
    token = await signToken();
  });
  afterEach(() => {
    for (const stream of open.splice(0)) stream.destroy();
  });
  afterAll(async () => {
    await host.close();
  });

  function call(path: string, request: Request = {}): Promise<Answer> {
    return send(`${host.url}${path}`, { token, ...request });
  }

  async function submit(runAt?: Date): Promise<string> {
    const options = { tenant: 'acme', owner: 'alice', ...(runAt ? { runAt } : {}) };
    const { job } = await host.app.get(Jobs).submit('count', {}, options);
    return job.id;
  }

  async function follow(id: string, query = ''): Promise<SseStream> {
    const stream = await openStream(`${host.url}/jobs/${id}/events${query}`, { token });
    open.push(stream);
    return stream;
  }

  function raw(text: string): RawConnection {
    const connection = new RawConnection(host.url).write(text);
    open.push(connection);
    return connection;
  }

  /** A request for a stream, as it goes over the wire. */
  function textFor(id: string, method = 'GET', version: '1.0' | '1.1' = '1.1'): string {
    return requestText(method, `${new URL(host.url).pathname.replace(/\/$/, '')}/jobs/${id}/events`, {
      token,
      version,
    });
  }

  it('send each frame as it is, to the end', async () => {
    const stream = await follow(await submit(), '?after=0.0');
    await stream.untilClosed();

    const changes = stream.events.filter(({ event }) => event !== 'progress');
    expect(changes.map(({ event, id }) => `${event} ${id}`)).toEqual(['state 1.0', 'state 2.0', 'end 3.0']);
    expect(changes[0]?.data).toMatchObject({ status: 'queued', version: 1 });
    expect(changes[2]?.data?.job).toMatchObject({ status: 'completed', result: 'counted' });
    const progress = stream.events.findLast(({ event }) => event === 'progress');
    expect(progress?.data?.progress).toMatchObject({ done: 3, total: 3, percent: 100 });
    expect(increases(stream.events)).toBe(true);
  });

  it('of many jobs send each frame as it is', async () => {
    const id = await submit(LATER);
    const feed = await openStream(`${host.url}/jobs/events?job=${id}`, { token });
    open.push(feed);

    const { data } = await feed.untilEvent('job');
    const ready = await feed.untilEvent('ready');

    expect(data?.job).toMatchObject({ id, status: 'queued' });
    expect(ready.data).toEqual({});
  });

  it('are answered 204, with nothing, to a client that has the end', async () => {
    const id = await submit();
    const stream = await follow(id);
    const { id: cursor } = await stream.untilEvent('end');

    for (const method of ['GET', 'HEAD']) {
      const answer = await call(`/jobs/${id}/events`, { method, headers: { 'last-event-id': cursor ?? '' } });

      expect([answer.status, answer.text]).toEqual([204, '']);
      for (const name of ['content-length', 'content-type', 'etag'])
        expect(answer.headers).not.toHaveProperty(name);
    }
  });

  it.each([
    [401, 'Unauthorized', { token: 'garbage' }],
    [404, 'Not Found', {}],
  ])('are refused with the real status %d', async (status, error, request) => {
    const answer = await call(`/jobs/${UNKNOWN}/events`, request);

    expect([answer.status, answer.headers['content-type']]).toEqual([
      status,
      expect.stringMatching(/^application\/json/),
    ]);
    expect(answer.json()).toMatchObject(
      shape.filter ? { host: 'refused', status } : { statusCode: status, error, code: expect.any(String) },
    );
  });

  it('are refused with 429 when a caller has too many', async () => {
    const id = await submit(LATER);
    await Promise.all([follow(id), follow(id)]);

    const answer = await call(`/jobs/${id}/events`);

    expect([answer.status, Number(answer.headers['retry-after']) > 0]).toEqual([429, true]);
  });

  it('answer HEAD with the headers alone, and take no place for it', async () => {
    const id = await submit(LATER);
    for (let times = 0; times < 3; times += 1) {
      const { status, text, headers } = await call(`/jobs/${id}/events`, { method: 'HEAD' });
      expect([status, text]).toEqual([200, '']);
      expect(headers['content-type']).toMatch(/^text\/event-stream/);
    }
    await eventually(() => expect(host.app.get(JobHub).size).toBe(0));
  });

  it('reach an HTTP/1.0 client without chunks, and end with its connection', async () => {
    const connection = raw(textFor(await submit(), 'GET', '1.0'));
    await connection.untilClosed();

    expect(connection.text).toMatch(/^HTTP\/1\.[01] 200 /);
    expect(connection.text).not.toMatch(/^transfer-encoding:/im);
    expect(connection.text).toMatch(/event: end\nid: 3\.0\ndata: \{"job":\{.*\}\}\n\n$/);
  });

  it('leave nothing behind, whenever their client goes', async () => {
    const text = textFor(await submit(LATER));
    const leaving: ((connection: RawConnection) => unknown)[] = [
      (connection) => connection.reset(),
      (connection) => connection.destroy(),
      (connection) => connection.halfClose(),
    ];
    for (const leave of leaving) {
      for (const part of [1, text.length >> 1, text.length - 1]) leave(raw(text.slice(0, part)));
      leave(raw(text));
      leave(await raw(text).until('HTTP/1.1'));
      await eventually(() => expect(host.app.get(Admission).total).toBe(0));
      const shown = await raw(text).until('event: snapshot');
      leave(shown);
      await eventually(() =>
        expect([host.app.get(Admission).total, host.app.get(JobHub).size]).toEqual([0, 0]),
      );
    }
  });
});
