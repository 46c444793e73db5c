import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { JobsClient, type JobsClientOptions } from '../../src/client/jobs-client.ts';

interface Answer {
  code?: number;
  headers?: Record<string, string>;
  body?: string;
}

interface Asked {
  line: string;
  headers: IncomingHttpHeaders;
  body: string;
}

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

/** A client of a server that gives these answers in turn, and then 204; a null leaves a request without one. */
async function clientOf(script: (Answer | null)[], options: Partial<JobsClientOptions> = {}) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const index = asked.push({ line: `${method} ${url}`, headers, body: '' }) - 1;
    const answer = script[index] === undefined ? { code: 204 } : script[index];
    void text(request).then((body) => {
      Object.assign(asked[index] ?? {}, { body });
      if (answer) response.writeHead(answer.code ?? 200, answer.headers).end(answer.body);
    });
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`;
  return { client: new JobsClient({ baseUrl, token: 't0', ...options }), asked };
}

const json = (value: unknown, code = 200, headers: Record<string, string> = {}): Answer => ({
  code,
  headers,
  body: JSON.stringify(value),
});
const frame = (type: string, id: string, data: unknown = {}): string =>
  `event: ${type}\nid: ${id}\nretry: 1\ndata: ${JSON.stringify(data)}\n\n`;
const stream = (...frames: string[]): Answer => ({
  headers: { 'Content-Type': 'text/event-stream' },
  body: frames.join(''),
});
const end = (id: string): string => frame('end', id, { job: { id: 'j1', status: 'completed' } });

async function all<T>(frames: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of frames) list.push(item);
  return list;
}
const ids = async (frames: AsyncIterable<{ type: string; id: string }>): Promise<string[]> =>
  (await all(frames)).map(({ type, id }) => `${type} ${id}`);

describe('JobsClient', () => {
  describe('asking', () => {
    it.each<[string, (client: JobsClient) => Promise<unknown>]>([
      ['GET /api/jobs/j%2F1', (client) => client.get('j/1')],
      ['GET /api/jobs/j1?include=payload', (client) => client.get('j1', { payload: true })],
      ['GET /api/jobs', (client) => client.list()],
      [
        'GET /api/jobs?status=failed&tag=a+b&limit=5',
        (client) => client.list({ status: 'failed', tag: 'a b', cursor: undefined, limit: 5 }),
      ],
      ['POST /api/jobs/j1/cancel', (client) => client.cancel('j1')],
      ['POST /api/jobs/j1/retry', (client) => client.retry('j1')],
      ['GET /api/jobs/j1/logs', (client) => client.logs('j1')],
      ['GET /api/jobs/j1/logs?after=0', (client) => client.logs('j1', { after: 0 })],
    ])('sends %s and gives the JSON of the answer.', async (line, ask) => {
      const { client, asked } = await clientOf([json({ some: 'answer' })]);
      await expect(ask(client)).resolves.toEqual({ some: 'answer' });
      expect(asked.map((one) => one.line)).toEqual([line]);
    });

    it('submits a job with its options, and its key as a header.', async () => {
      const answer = { job: { id: 'j1' }, viewer: { token: 'v', expiresAt: '2030-01-01T00:00:00.000Z' } };
      const { client, asked } = await clientOf([json(answer, 202)]);
      const runAt = new Date('2030-01-01T00:00:00Z');
      const submitted = await client.submit(
        'csv.import',
        { file: 'a' },
        { idempotencyKey: 'k', runAt, priority: 3 },
      );
      expect(submitted).toEqual({ ...answer, replayed: false });
      expect(asked[0]?.headers).toMatchObject({ 'idempotency-key': 'k', 'content-type': 'application/json' });
      const body = { type: 'csv.import', payload: { file: 'a' }, runAt: runAt.toISOString(), priority: 3 };
      expect(JSON.parse(asked[0]?.body ?? '')).toEqual(body);
    });

    it('tells that a submit was a repetition.', async () => {
      const { client } = await clientOf([json({}, 202, { 'Idempotency-Replayed': 'true' })]);
      await expect(client.submit('a', null)).resolves.toMatchObject({ replayed: true });
    });

    it('asks for the token before every request.', async () => {
      const tokens = ['t1', 't2'];
      const { client, asked } = await clientOf([json({}), json({})], { token: () => tokens.shift() ?? '' });
      await client.get('j1');
      await client.get('j1');
      expect(asked.map((one) => one.headers.authorization)).toEqual(['Bearer t1', 'Bearer t2']);
    });

    it('throws the code, message and issues of a refusal.', async () => {
      const refusal = {
        code: 'invalid_payload',
        message: 'No.',
        issues: [{ path: 'file', message: 'Missing' }],
      };
      const { client } = await clientOf([json({ statusCode: 422, ...refusal }, 422)]);
      const expected = { name: 'JobsClientError', status: 422, ...refusal };
      await expect(client.submit('a', {})).rejects.toMatchObject(expected);
    });

    it('throws what kept it from reaching the service.', async () => {
      const { client } = await clientOf([], { baseUrl: 'http://127.0.0.1:1' });
      const expected = { status: 0, code: 'unreachable', message: expect.stringContaining('127.0.0.1:1') };
      await expect(client.get('j1')).rejects.toMatchObject(expected);
    });

    it('gives up a request that is not answered in time.', async () => {
      const { client } = await clientOf([null], { timeoutMs: 30 });
      await expect(client.get('j1')).rejects.toMatchObject({ status: 0, code: 'unreachable' });
    });

    it('throws at an answer that is not JSON.', async () => {
      const { client } = await clientOf([{ body: '<h1>Welcome</h1>' }]);
      await expect(client.get('j1')).rejects.toMatchObject({ status: 200, code: 'malformed_answer' });
    });
  });

  describe('watching a job', () => {
    it('gives every frame with its data, and ends after end.', async () => {
      const progress = { attempt: 1, progress: { percent: 50 }, at: '' };
      const { client, asked } = await clientOf([stream(frame('progress', '2.1', progress), end('3.0'))]);
      await expect(all(client.watch('j1', { logs: true, after: '2.0' }))).resolves.toEqual([
        { type: 'progress', id: '2.1', data: progress },
        { type: 'end', id: '3.0', data: { job: { id: 'j1', status: 'completed' } } },
      ]);
      expect(asked.map((one) => one.line)).toEqual(['GET /api/jobs/j1/events?logs=1']);
      expect(asked[0]?.headers['last-event-id']).toBe('2.0');
    });

    it('comes back silently after a bye that allows it.', async () => {
      const bye = frame('bye', '2.0', { reason: 'rotate', reconnect: true });
      const { client, asked } = await clientOf([stream(frame('state', '2.0'), bye), stream(end('3.0'))]);
      await expect(ids(client.watch('j1'))).resolves.toEqual(['state 2.0', 'end 3.0']);
      expect(asked[1]?.headers['last-event-id']).toBe('2.0');
    });

    it('ends after a bye that says not to come back.', async () => {
      const { client, asked } = await clientOf([
        stream(frame('bye', '2.0', { reason: 'gone', reconnect: false })),
      ]);
      await expect(ids(client.watch('j1'))).resolves.toEqual(['bye 2.0']);
      expect(asked).toHaveLength(1);
    });

    it('gives a frame that comes again after a reconnect only once.', async () => {
      const { client, asked } = await clientOf([
        stream(frame('progress', '2.9'), frame('progress', '2.10')),
        stream(frame('state', '2.0'), frame('progress', '2.10'), frame('progress', '2.11')),
        stream(end('10.0')),
      ]);
      const expected = ['progress 2.9', 'progress 2.10', 'progress 2.11', 'end 10.0'];
      await expect(ids(client.watch('j1'))).resolves.toEqual(expected);
      expect(asked.map((one) => one.headers['last-event-id'])).toEqual([undefined, '2.10', '2.11']);
    });

    it('takes older frames after a reset.', async () => {
      const frames = [frame('reset', '1.0', { reason: 'unknown' }), frame('snapshot', '1.0'), end('2.0')];
      const { client } = await clientOf([stream(...frames)]);
      const expected = ['reset 1.0', 'snapshot 1.0', 'end 2.0'];
      await expect(ids(client.watch('j1', { after: '99.5' }))).resolves.toEqual(expected);
    });

    it('leaves out frames of a type that it does not know.', async () => {
      const { client } = await clientOf([stream(frame('novelty', '2.1'), end('3.0'))]);
      await expect(ids(client.watch('j1'))).resolves.toEqual(['end 3.0']);
    });

    it('gives heartbeats, which repeat the current id.', async () => {
      const { client } = await clientOf([
        stream(frame('state', '2.0'), frame('heartbeat', '2.0'), end('3.0')),
      ]);
      await expect(ids(client.watch('j1'))).resolves.toEqual(['state 2.0', 'heartbeat 2.0', 'end 3.0']);
    });

    it('ends without a frame when nothing follows the place to resume from.', async () => {
      const { client } = await clientOf([{ code: 204 }]);
      await expect(ids(client.watch('j1', { after: '3.0' }))).resolves.toEqual([]);
    });

    it('throws at a frame that is not JSON.', async () => {
      const { client } = await clientOf([stream('event: state\nid: 2.0\ndata: {\n\n')]);
      await expect(ids(client.watch('j1'))).rejects.toMatchObject({ code: 'malformed_answer' });
    });
  });

  describe('watching many jobs', () => {
    it('sends the filters and gives the frames until a bye that says not to come back.', async () => {
      const bye = frame('bye', 'c', { reason: 'revoked', reconnect: false });
      const { client, asked } = await clientOf([stream(frame('job', 'a'), frame('ready', 'a'), bye)]);
      const frames = client.feed({ jobs: ['1', '2'], type: 'csv.import' });
      await expect(ids(frames)).resolves.toEqual(['job a', 'ready a', 'bye c']);
      expect(asked[0]?.line).toBe('GET /api/jobs/events?type=csv.import&job=1&job=2');
    });

    it('resumes from its opaque cursor and gives repeats.', async () => {
      const { client, asked } = await clientOf([stream(frame('job', '9-b')), stream(frame('job', '9-b'))]);
      await expect(ids(client.feed())).resolves.toEqual(['job 9-b', 'job 9-b']);
      expect(asked.map((one) => one.headers['last-event-id'])).toEqual([undefined, '9-b', '9-b']);
    });
  });

  describe('waiting for a job', () => {
    it('gives the final job.', async () => {
      const { client } = await clientOf([stream(frame('snapshot', '1.0'), end('3.0'))]);
      await expect(client.waitFor('j1')).resolves.toEqual({ id: 'j1', status: 'completed' });
    });

    it('asks for the job when the stream is over before its end.', async () => {
      const { client } = await clientOf([{ code: 204 }, json({ id: 'j1', status: 'failed' })]);
      await expect(client.waitFor('j1')).resolves.toEqual({ id: 'j1', status: 'failed' });
    });

    it('throws when the stream is over while the job is not.', async () => {
      const { client } = await clientOf([{ code: 204 }, json({ id: 'j1', status: 'active' })]);
      await expect(client.waitFor('j1')).rejects.toMatchObject({ code: 'stream_ended' });
    });

    it('throws the reason of the signal when it is aborted.', async () => {
      const { client } = await clientOf([]);
      const signal = AbortSignal.abort(new Error('The page is closed.'));
      await expect(client.waitFor('j1', { signal })).rejects.toThrow('The page is closed.');
    });
  });
});
