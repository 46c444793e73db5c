import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { ANY_ADAPTER, startApp, type TestApp } from '../support/app.ts';
import { increases, openStream, type SseStream } from '../support/sse.ts';

/** In the shape of a frame as far as the last line, which subscribers would parse. */
const MALFORMED = [
  'nonsense',
  '2.900\nprogress\nnot json',
  '2.901\nprogress\nnull',
  '2.902\nprogress\n{"progress":"half"}',
  '2.903\nlog\nnot json',
  '2.904\nlog\nnull',
  '2.905\nlog\n{"lines":"one","dropped":0}',
  `2.906\nprogress\n{"progress":{"message":"${'x'.repeat(200_000)}"}}`,
];

describe.each(ANY_ADAPTER)('What anyone who can write to Redis publishes, on %s,', (adapter) => {
  let app: TestApp;
  let redis: Redis;
  const open: SseStream[] = [];
  beforeAll(async () => {
    app = await startApp({ adapter, environment: { STREAM_BACKSTOP_MS: '300' } });
    redis = new Redis(app.redis.url);
  });
  afterEach(() => {
    for (const stream of open.splice(0)) stream.destroy();
  });
  afterAll(async () => {
    redis.disconnect();
    await app.close();
  });

  it('harms no stream, no feed and no process where it is no frame', async () => {
    const id = await app.runningJob();
    const stream = await app.stream(id, '?logs=1');
    const feed = await openStream(`${app.url}/jobs/events?job=${id}`, { token: await app.token() });
    open.push(stream, feed);
    await Promise.all([stream.untilEvent('progress'), feed.untilEvent('ready')]);

    const { prefix } = app.redis;
    for (const message of MALFORMED) {
      await redis.publish(`${prefix}:job:${id}`, message);
      await redis.publish(`${prefix}:changes`, message);
      await redis.publish(`${prefix}:cancel`, message);
      await redis.set(`${prefix}:last:${id}`, message);
    }
    await redis.publish(`${prefix}:job:${id}`, '2.800\nprogress\n{"progress":{"message":"well-formed"}}');
    await feed.untilFrame(({ data }) => data?.job?.progress?.message === 'well-formed');
    await app.cancel(id);

    await stream.untilEvent('end');
    await feed.untilFrame(({ data }) => data?.job?.status === 'cancelled');
    expect(increases(stream.events)).toBe(true);
    expect(stream.events.filter((event) => event.id?.startsWith('2.90'))).toEqual([]);
    const { status, text } = await app.get('/metrics', null);
    expect(status).toBe(200);
    expect(text).toMatch(/^jobstream_malformed_messages_total [1-9]/m);
  });
});
