import { get } from 'node:http';
import { createGunzip } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';
import { brokenRules, runConformance } from '../support/conformance.ts';
import { blocksOf } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { send, target } from '../support/http.ts';
import { findNginx, Nginx } from '../support/nginx.ts';
import { openStream, type SseStream } from '../support/sse.ts';

const HEARTBEAT_MS = 1_000;
/** What a proxy may add before the first frame; of several openings the fastest counts. */
const FIRST_FRAME_MS = 200;
const OPENINGS = 5;
/** Shorter than two heartbeats: without them nginx would end an idle stream. Its default is 60 s. */
const READ_TIMEOUT = 'proxy_read_timeout 2s;';
/** By default nginx compresses HTML alone. */
const COMPRESS_STREAMS = 'gzip_types text/event-stream; gzip_min_length 0; gzip_http_version 1.0;';

const nginxIsThere = findNginx() !== null;
if (!nginxIsThere)
  process.stderr.write('Skipped: streams behind nginx. Install it: apt-get install nginx-light\n');

// In CI the tests fail where it is missing, so that nobody takes them for passed.
(nginxIsThere || process.env['CI'] ? describe : describe.skip).each(ADAPTERS)(
  'Streams behind nginx on %s',
  (adapter) => {
    const proxies: Nginx[] = [];
    const streams: SseStream[] = [];
    let app: TestApp;
    let token: string;
    beforeAll(async () => {
      app = await startApp({
        adapter,
        environment: { STREAM_HEARTBEAT_MS: String(HEARTBEAT_MS), PROGRESS_INTERVAL_MS: '50' },
      });
      token = await app.token();
    });
    afterEach(async () => {
      for (const stream of streams.splice(0)) stream.destroy();
      await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
    });
    afterAll(() => app.close());

    async function startProxy(settings?: string): Promise<string> {
      const nginx = await Nginx.start(settings === undefined ? { to: app.url } : { to: app.url, settings });
      proxies.push(nginx);
      return nginx.url;
    }

    /** As docs/proxies.md says that nginx is to be set up. */
    async function startDocumentedProxy(): Promise<string> {
      const [block] = blocksOf('docs/proxies.md', 'nginx');
      const nginx = await Nginx.start({ to: app.url, servers: block?.code ?? '' });
      proxies.push(nginx);
      return nginx.url;
    }

    async function follow(url: string, id: string, headers = {}): Promise<SseStream> {
      const stream = await openStream(`${url}/jobs/${id}/events`, { token, headers });
      streams.push(stream);
      return stream;
    }

    it('deliver the first frame at once', async () => {
      const url = await startProxy();
      const id = await app.waitingJob();
      const delays: number[] = [];
      for (let opening = 0; opening < OPENINGS; opening += 1) {
        const started = Date.now();
        const stream = await follow(url, id);
        delays.push((await stream.untilEvent('snapshot')).at - started);
        stream.destroy();
      }

      expect(Math.min(...delays)).toBeLessThan(FIRST_FRAME_MS);
    });

    it('deliver each frame as it happens, not when a buffer is full', async () => {
      const id = await app.waitingJob();
      const stream = await follow(await startProxy(), id);
      await stream.untilEvent('snapshot');

      await app.cancel(id);

      expect(await stream.untilEvent('end')).toMatchObject({ id: '2.0' });
    });

    it('deliver each frame as it happens with the settings of docs/proxies.md', async () => {
      const url = await startDocumentedProxy();
      const id = await app.waitingJob();
      const stream = await follow(url, id);
      await stream.untilEvent('snapshot');

      await send(`${url}/jobs/${id}/cancel`, { method: 'POST', token });

      expect(await stream.untilEvent('end')).toMatchObject({ id: '2.0' });
    });

    it('live across heartbeats while nothing happens', async () => {
      const id = await app.waitingJob();
      const stream = await follow(await startProxy(READ_TIMEOUT), id);

      const beats = (): number => stream.frames.filter(({ comment }) => comment === 'hb').length;
      await eventually(() => expect(beats()).toBeGreaterThanOrEqual(5), { timeoutMs: 12 * HEARTBEAT_MS });

      expect(stream.closed).toBe(false);
      await app.cancel(id);
      await stream.untilEvent('end');
    });

    it('are readable at once though nginx compresses them', async () => {
      const id = await app.waitingJob();
      const compressed = await openCompressed(
        `${await startProxy(COMPRESS_STREAMS)}/jobs/${id}/events`,
        token,
      );
      try {
        expect(compressed.encoding).toBe('gzip');
        await eventually(() => expect(compressed.text()).toContain('event: snapshot'));
        await eventually(() => expect(compressed.text()).toContain(': hb'));
        await app.cancel(id);
        await eventually(() => expect(compressed.text()).toContain('event: end'));
      } finally {
        compressed.leave();
      }
    });

    it('free their places once the client of nginx has left', async () => {
      const url = await startProxy();
      const id = await app.waitingJob();
      const opened = await Promise.all(Array.from({ length: 10 }, () => follow(url, id)));
      for (const stream of opened) stream.destroy();

      await eventually(async () =>
        expect((await app.get('/metrics', null)).text).toMatch(/^jobstream_open_streams 0$/m),
      );
    });

    it('keep every rule of the conformance suite', async () => {
      const { code, output } = await runConformance({
        url: await startProxy(),
        token,
        heartbeatMs: HEARTBEAT_MS,
      });

      expect(brokenRules(output)).toBe('');
      expect(code).toBe(0);
    }, 180_000);
  },
);

interface Compressed {
  encoding: string | undefined;
  text(): string;
  leave(): void;
}

/** Opens a stream as a browser does, which takes compressed answers. */
function openCompressed(url: string, token: string): Promise<Compressed> {
  const headers = { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip' };
  return new Promise((resolve, reject) => {
    const call = get({ ...target(url), agent: false, headers }, (response) => {
      let text = '';
      const leave = (): void => void call.destroy();
      const gunzip = createGunzip().on('data', (chunk: Buffer) => (text += chunk.toString()));
      // Leaving breaks the response, and with it the compressed data.
      gunzip.on('error', () => undefined);
      response.on('error', () => undefined);
      response.pipe(gunzip);
      resolve({ encoding: response.headers['content-encoding'], text: () => text, leave });
    });
    call.on('error', reject);
  });
}
