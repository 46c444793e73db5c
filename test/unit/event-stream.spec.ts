import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { openEventStream, type EventStreamOptions } from '../../src/client/event-stream.ts';

type Answer = (response: ServerResponse) => unknown;

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

/** Answers each request by the next answer of the script; after the last one by 204. */
async function serve(
  script: Answer[],
  port = 0,
): Promise<{ url: string; port: number; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const answer = script[requests.push(request) - 1] ?? status(204);
    void answer(response);
  });
  servers.push(server.listen(port, '127.0.0.1'));
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${address.port}/events`, port: address.port, requests };
}

const head = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
const stream =
  (text: string): Answer =>
  (response) =>
    head(response).end(text);
const open =
  (text: string): Answer =>
  (response) =>
    head(response).write(text);
const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) =>
    response.writeHead(code, headers).end(body);

const quick = { retryMs: 1, random: () => 0 };

async function collect(options: EventStreamOptions): Promise<string[]> {
  const data: string[] = [];
  for await (const event of openEventStream({ ...quick, ...options })) data.push(event.data);
  return data;
}

/** The delays before reconnects; the stream is stopped at the `most`th. */
async function delaysOf(options: EventStreamOptions, most = 1): Promise<number[]> {
  const stop = new AbortController();
  const delays: number[] = [];
  const onState: EventStreamOptions['onState'] = (_state, waiting) => {
    if (waiting && delays.push(waiting.delayMs) === most) stop.abort();
  };
  await collect({ ...options, signal: stop.signal, onState });
  return delays;
}

const lastIds = (requests: IncomingMessage[]): unknown[] => requests.map((r) => r.headers['last-event-id']);

describe('openEventStream', () => {
  describe('while it is connected', () => {
    it('gives the events in order and ends for good at 204.', async () => {
      const { url, requests } = await serve([stream('id: 1\ndata: a\n\nid: 2\ndata: b\n\n')]);
      await expect(collect({ url })).resolves.toEqual(['a', 'b']);
      expect(requests).toHaveLength(2);
      expect(requests[0]?.headers.accept).toBe('text/event-stream');
    });

    it('closes the connection when the reader stops reading.', async () => {
      const { url, requests } = await serve([open('data: a\n\n')]);
      for await (const event of openEventStream({ url, ...quick })) {
        expect(event.data).toBe('a');
        break;
      }
      const socket = requests[0]?.socket;
      if (socket && !socket.destroyed) await once(socket, 'close');
    });

    it('ends without an error when the signal aborts while no event comes.', async () => {
      const stop = new AbortController();
      const { url, requests } = await serve([open(': hb\n\n')]);
      const onState = (state: string): void => {
        if (state === 'open') setImmediate(() => stop.abort());
      };
      await expect(collect({ url, signal: stop.signal, onState })).resolves.toEqual([]);
      expect(requests).toHaveLength(1);
    });

    it('gives no event of a chunk after the signal aborted.', async () => {
      const stop = new AbortController();
      const { url } = await serve([open('data: a\n\ndata: b\n\n')]);
      const seen: string[] = [];
      for await (const event of openEventStream({ url, ...quick, signal: stop.signal })) {
        seen.push(event.data);
        stop.abort();
      }
      expect(seen).toEqual(['a']);
    });

    it('connects to nothing when the signal has aborted before.', async () => {
      const { url, requests } = await serve([]);
      await expect(collect({ url, signal: AbortSignal.abort() })).resolves.toEqual([]);
      expect(requests).toHaveLength(0);
    });

    it('reports each state of the connection.', async () => {
      const { url } = await serve([stream('data: a\n\n')]);
      const states: string[] = [];
      await collect({ url, onState: (state) => states.push(state) });
      expect(states).toEqual(['connecting', 'open', 'waiting', 'connecting']);
    });
  });

  describe('when the connection is lost', () => {
    it('resumes after the last whole event when a frame breaks off in its middle.', async () => {
      const { url, requests } = await serve([
        (response) => head(response).write('id: 1\ndata: a\n\nid: 2\ndata: b', () => response.destroy()),
        stream('id: 2\ndata: b\n\n'),
      ]);
      await expect(collect({ url })).resolves.toEqual(['a', 'b']);
      expect(lastIds(requests)).toEqual([undefined, '1', '2']);
    });

    it('resumes after the id of a frame without data.', async () => {
      const { url, requests } = await serve([stream('id: 1\ndata: a\n\nid: 9\n\n')]);
      await collect({ url });
      expect(lastIds(requests)).toEqual([undefined, '9']);
    });

    it('sends an id that is not ASCII as UTF-8.', async () => {
      const { url, requests } = await serve([stream('id: ü€\ndata: a\n\n')]);
      await collect({ url });
      const sent = String(requests[1]?.headers['last-event-id']);
      expect(Buffer.from(sent, 'latin1').toString('utf8')).toBe('ü€');
    });

    it('leaves out the events that the caller skips, and does not resume after them.', async () => {
      const { url, requests } = await serve([stream('id: 5\ndata: a\n\nid: 4\ndata: old\n\n')]);
      await expect(collect({ url, skip: ({ data }) => data === 'old' })).resolves.toEqual(['a']);
      expect(lastIds(requests)).toEqual([undefined, '5']);
    });

    it('asks for fresh headers at every connect.', async () => {
      let count = 0;
      const headers = async (): Promise<HeadersInit> => ({ Authorization: `Bearer ${(count += 1)}` });
      const { url, requests } = await serve([stream(''), stream('')]);
      await collect({ url, headers });
      expect(requests.map((r) => r.headers.authorization)).toEqual(['Bearer 1', 'Bearer 2', 'Bearer 3']);
    });

    it('waits for a server that is not there yet, and says why.', async () => {
      const { port, url } = await serve([]);
      const [gone] = servers.splice(0);
      gone?.close();
      const started: unknown[] = [];
      const causes: string[] = [];
      const onState: EventStreamOptions['onState'] = (_state, waiting) => {
        if (!waiting) return;
        causes.push(waiting.cause.message);
        if (started.length === 0) started.push(serve([stream('data: a\n\n')], port));
      };
      await expect(collect({ url, onState })).resolves.toEqual(['a']);
      await Promise.all(started);
      expect(causes[0]).toContain('ECONNREFUSED');
    });

    it('gives up a connection that falls silent.', async () => {
      const { url, requests } = await serve([open('id: 1\ndata: a\n\n'), stream('data: b\n\n')]);
      await expect(collect({ url, idleMs: 50 })).resolves.toEqual(['a', 'b']);
      expect(lastIds(requests)).toEqual([undefined, '1', '1']);
    });

    it('gives up a server that accepts but never answers.', async () => {
      const { url } = await serve([() => undefined, stream('data: a\n\n')]);
      await expect(collect({ url, idleMs: 50 })).resolves.toEqual(['a']);
    });

    it('takes heartbeat comments for life.', async () => {
      const heartbeats: Answer = async (response) => {
        head(response);
        for (let beat = 0; beat < 12; beat += 1) {
          response.write(': hb\n\n');
          await pause(50);
        }
        response.end('data: a\n\n');
      };
      const { url, requests } = await serve([heartbeats]);
      await expect(collect({ url, idleMs: 400 })).resolves.toEqual(['a']);
      expect(requests).toHaveLength(2);
    });
  });

  describe('how long it waits', () => {
    it('doubles the delay up to its bound, and starts anew once a byte has come.', async () => {
      const failures = Array.from({ length: 5 }, () => status(503));
      const { url } = await serve([...failures, stream(': hb\n\n'), status(500)]);
      await expect(delaysOf({ url, maxRetryMs: 6 }, 7)).resolves.toEqual([1, 2, 4, 6, 6, 1, 2]);
    });

    it.each([
      ['follows the retry field of the server', '1234', 1234],
      ['never waits longer than five minutes, whatever the server says', '99999999999', 300_000],
    ])('%s.', async (_title, retry, delay) => {
      const { url } = await serve([stream(`retry: ${retry}\n\n`)]);
      await expect(delaysOf({ url })).resolves.toEqual([delay]);
    });

    it('spreads viewers by up to half of the delay.', async () => {
      const { url } = await serve([status(503)]);
      await expect(delaysOf({ url, retryMs: 1000, random: () => 1 })).resolves.toEqual([1500]);
    });

    it.each([408, 429, 500, 503])('comes back after %d, not before Retry-After in seconds.', async (code) => {
      const { url } = await serve([status(code, { 'Retry-After': '7' })]);
      await expect(delaysOf({ url })).resolves.toEqual([7000]);
    });

    it('does not come back before a Retry-After that is a date.', async () => {
      const { url } = await serve([
        status(503, { 'Retry-After': new Date(Date.now() + 60_000).toUTCString() }),
      ]);
      const [delay] = await delaysOf({ url });
      expect(delay).toBeGreaterThan(30_000);
      expect(delay).toBeLessThanOrEqual(60_000);
    });
  });

  describe('when it cannot go on', () => {
    it('throws the status, code, message and issues of a refusal, and asks no more.', async () => {
      const issues = [{ path: 'after', message: 'Too long' }];
      const body = { code: 'unauthorized', message: 'No token.', issues };
      const { url, requests } = await serve([status(401, {}, JSON.stringify(body))]);
      const expected = { name: 'JobsClientError', status: 401, ...body };
      await expect(collect({ url })).rejects.toMatchObject(expected);
      expect(requests).toHaveLength(1);
    });

    it.each([
      ['the status when a refusal is not JSON', 403, 'http_403'],
      ['when the answer is no event stream', 200, 'not_an_event_stream'],
    ])('throws %s.', async (_title, code, expected) => {
      const { url } = await serve([status(code, { 'Content-Type': 'text/html' }, '<h1>Sign in</h1>')]);
      await expect(collect({ url })).rejects.toMatchObject({ status: code, code: expected });
    });

    it('throws what the headers function throws.', async () => {
      const { url } = await serve([]);
      const headers = (): never => {
        throw new Error('The sign-in has expired.');
      };
      await expect(collect({ url, headers })).rejects.toThrow('The sign-in has expired.');
    });

    it('throws at a URL that cannot be parsed.', () => {
      expect(() => openEventStream({ url: 'http://' })).toThrow(/URL/);
    });

    it('throws when one event is longer than it may hold.', async () => {
      const { url, requests } = await serve([stream(`data: ${'x'.repeat(4_194_304)}\n\n`)]);
      await expect(collect({ url })).rejects.toMatchObject({ name: 'SseBufferOverflow' });
      expect(requests).toHaveLength(1);
    });
  });
});
