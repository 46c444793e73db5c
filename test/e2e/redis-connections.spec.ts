import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { ANY_ADAPTER, startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { testRedis } from '../support/services.ts';
import type { SseStream } from '../support/sse.ts';

const VIEWERS = 200;
/** Redis databases that no other test uses: by them its list of clients tells whose connection is whose. */
const DATABASES = { fastify: 11, express: 12 };

describe.each(ANY_ADAPTER)('Redis connections on %s', (adapter) => {
  const database = DATABASES[adapter];
  const { url } = testRedis();
  let app: TestApp;
  let administrator: Redis;
  beforeAll(async () => {
    administrator = new Redis(url);
    const REDIS_URL = `${url}/${database}`;
    app = await startApp({ adapter, environment: { REDIS_URL, STREAM_MAX_PER_CALLER: '1000' } });
  });
  afterAll(async () => {
    await app.close();
    await administrator.quit();
  });

  /** The names of the connections of the service, sorted. */
  async function connections(): Promise<string[]> {
    const list = String(await administrator.client('LIST'));
    const names = list
      .split('\n')
      .filter((line) => line.includes(` db=${database} `))
      .map((line) => / name=(\S*)/.exec(line)?.[1] ?? '');
    return names.toSorted();
  }

  async function listeners(id: string): Promise<unknown> {
    const [, count] = await administrator.pubsub('NUMSUB', `${app.redis.prefix}:job:${id}`);
    return count;
  }

  it('stay the same few with 200 viewers of one job, who all get its end', async () => {
    const id = await app.waitingJob();
    const token = await app.token();
    const first = await app.stream(id, '', { token });
    await first.untilEvent('snapshot');
    const before = await connections();

    const streams: SseStream[] = await Promise.all(
      Array.from({ length: VIEWERS }, () => app.stream(id, '', { token })),
    );
    await Promise.all(streams.map((stream) => stream.untilEvent('snapshot')));

    // One for commands, one to subscribe, Bull's events, and one on which each of the two queues waits.
    expect(before).toHaveLength(5);
    expect(await connections()).toEqual(before);
    expect(await listeners(id)).toBe(1);
    await app.cancel(id);
    await Promise.all([first, ...streams].map((stream) => stream.untilClosed()));
    const ends = streams.map((stream) => stream.events.at(-1)?.raw);
    expect(new Set(ends)).toEqual(new Set([first.events.at(-1)?.raw]));
    expect(first.events.at(-1)).toMatchObject({ event: 'end', id: '2.0' });
    await eventually(async () => expect(await listeners(id)).toBe(0));
    expect(await connections()).toEqual(before);
  });

  it('stay the same few with viewers of 100 jobs', async () => {
    const token = await app.token();
    const before = await connections();
    const ids = await Promise.all(Array.from({ length: 100 }, () => app.waitingJob()));

    const streams = await Promise.all(ids.map((id) => app.stream(id, '', { token })));
    await Promise.all(streams.map((stream) => stream.untilEvent('snapshot')));

    expect(await connections()).toEqual(before);
    for (const stream of streams) stream.destroy();
  });
});
