import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { Nginx } from '../support/nginx.ts';
import { openStream, type SseStream } from '../support/sse.ts';
import { print } from './lab/host.ts';

/** Twice what nginx waits for a silent server (`proxy_read_timeout`, 60 s): only heartbeats keep a stream for so long. */
const IDLE_MS = 120_000;
const HEARTBEAT_MS = 15_000;

interface Idle {
  app: TestApp;
  nginx: Nginx;
  job: string;
  stream: SseStream;
}

/** nginx buffers and times out by its own defaults, and gzip is on; so is everything of the service. */
describe('Streams behind nginx, on both adapters at once,', () => {
  let idle: Idle[];
  beforeAll(async () => {
    idle = await Promise.all(ADAPTERS.map((adapter) => open(adapter)));
  });
  afterAll(async () => {
    for (const { app, nginx, stream } of idle) {
      stream.destroy();
      await nginx.stop();
      await app.close();
    }
  });

  async function open(adapter: (typeof ADAPTERS)[number]): Promise<Idle> {
    const app = await startApp({ adapter });
    const nginx = await Nginx.start({ to: app.url });
    const job = await app.waitingJob();
    const headers = { 'accept-encoding': 'gzip' };
    const stream = await openStream(`${nginx.url}/jobs/${job}/events`, { token: await app.token(), headers });
    await stream.untilEvent('snapshot');
    return { app, nginx, job, stream };
  }

  it('live while nothing happens for two minutes, and still show the end at once', async () => {
    const beats = IDLE_MS / HEARTBEAT_MS;
    const beatsOf = ({ frames }: SseStream): number =>
      frames.filter(({ comment }) => comment === 'hb').length;
    const opened = Date.now();
    await eventually(
      () => expect(idle.map(({ stream }) => beatsOf(stream) >= beats)).toEqual(idle.map(() => true)),
      { timeoutMs: 1.5 * IDLE_MS },
    );
    print(
      `idle behind nginx for ${Date.now() - opened} ms: ${idle.map(({ stream }) => beatsOf(stream)).join(', ')} heartbeats`,
    );
    expect(idle.map(({ stream }) => stream.closed)).toEqual(idle.map(() => false));

    for (const { app, job, stream } of idle) {
      await app.cancel(job);
      expect(await stream.untilEvent('end')).toMatchObject({ id: '2.0' });
    }
  }, 240_000);
});
