import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, LATER, startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { RedisServer } from '../support/redis-server.ts';
import { testFolder } from '../support/services.ts';
import { increases, openStream, type SseStream } from '../support/sse.ts';

const BACKSTOP_MS = 500;
/** What reading and sending may take on top of it. */
const SLACK_MS = 3_000;
const USER = 'service';
/** Bull announces within its queues, by the scripts that hand jobs on: it keeps that in either position of the switch. */
const QUEUES = '(+publish &*}:default:*)';
const TRIES = 5;

/** The switch is in Redis alone: it refuses PUBLISH to the user of the service. Worker and API are the real ones. */
describe.each(ANY_ADAPTER)('While Redis refuses PUBLISH, on %s,', (adapter) => {
  let redis: RedisServer;
  let api: TestApp;
  let worker: TestApp;
  let streams: SseStream[] = [];
  beforeAll(async () => {
    redis = await RedisServer.create({ cwd: testFolder(), args: ['--save', '', '--appendonly', 'no'] });
    await letPublish(true);
    const shared = {
      REDIS_URL: redis.url.replace('redis://', `redis://${USER}:any@`),
      STREAM_BACKSTOP_MS: String(BACKSTOP_MS),
    };
    api = await startApp({ adapter, environment: { ...shared, JOBS_ROLES: 'api' } });
    worker = await startApp({ adapter, beside: api, environment: { ...shared, JOBS_ROLES: 'worker' } });
  });
  afterAll(async () => {
    for (const stream of streams) stream.destroy();
    await worker.close();
    await api.close();
    await redis.close();
  });

  function letPublish(allowed: boolean): Promise<unknown> {
    const publish = allowed ? ['+publish'] : ['-publish', QUEUES];
    const rules = ['reset', 'on', 'nopass', '~*', '&*', '+@all', ...publish];
    return redis.command((administrator) => administrator.call('ACL', 'SETUSER', USER, ...rules));
  }

  async function count(app: TestApp, counter: string): Promise<number> {
    const { text } = await app.get('/metrics', null);
    return Number(new RegExp(`^jobstream_${counter}_total (\\d+)$`, 'm').exec(text)?.[1]);
  }

  /** Follows a new job to its end, by its own stream and by a feed. */
  async function follow(steps: number): Promise<{ stream: SseStream; feed: SseStream }> {
    const id = await api.steps({ steps, stepMs: 100 }, { runAt: LATER });
    const stream = await api.stream(id);
    const feed = await openStream(`${api.url}/jobs/events?job=${id}`, { token: await api.token() });
    streams = [stream, feed];
    await Promise.all([stream.untilEvent('snapshot'), feed.untilEvent('ready')]);
    await api.makeDue(id);
    await Promise.all([
      stream.untilClosed(),
      feed.untilFrame(({ data }) => data?.job?.status === 'completed'),
    ]);
    feed.destroy();
    return { stream, feed };
  }

  it('viewers see every change, progress and the end within STREAM_BACKSTOP_MS, and both counters tell', async () => {
    await letPublish(false);
    const hits = await count(api, 'backstop_hits');
    const failures = [await count(api, 'publish_failures'), await count(worker, 'publish_failures')];

    const { stream, feed } = await follow(20);

    const [snapshot, claimed] = stream.events;
    const end = stream.events.at(-1);
    expect([snapshot?.id, claimed?.id, end?.event, end?.id]).toEqual(['1.0', '2.0', 'end', '3.0']);
    expect(stream.of('progress').length).toBeGreaterThan(0);
    expect(increases(stream.events)).toBe(true);
    const shown = feed.of('job').map(({ data }) => [data?.job?.status, data?.job?.progress !== null]);
    expect(shown).toContainEqual(['active', true]);
    const finishedAt = Date.parse(end?.data?.job?.finishedAt ?? '');
    for (const last of [end, feed.of('job').at(-1)])
      expect((last?.at ?? Infinity) - finishedAt).toBeLessThan(BACKSTOP_MS + SLACK_MS);
    expect(await count(api, 'backstop_hits')).toBeGreaterThan(hits);
    expect(await count(api, 'publish_failures')).toBeGreaterThan(failures[0] ?? Infinity);
    expect(await count(worker, 'publish_failures')).toBeGreaterThan(failures[1] ?? Infinity);
  });

  it('a cancel still reaches the worker', async () => {
    await letPublish(false);
    const id = await api.runningJob();
    await api.cancel(id);

    expect(await api.untilFinal(id)).toMatchObject({ status: 'cancelled' });
  });

  it('nothing else is harmed: nudges work as soon as it takes them again, and the counters stay', async () => {
    await letPublish(true);
    const counters = async (): Promise<number[]> =>
      Promise.all([
        count(api, 'backstop_hits'),
        count(api, 'publish_failures'),
        count(worker, 'publish_failures'),
      ]);
    // The backstop may look between a commit and its nudge, and counts that; without nudges it counts in every try.
    let tries = 0;
    await eventually(
      async () => {
        if (tries === TRIES) return;
        tries += 1;
        const before = await counters();
        const { stream } = await follow(3);
        expect(stream.events.at(-1)).toMatchObject({ event: 'end', id: '3.0' });
        expect(await counters()).toEqual(before);
        tries = 0;
      },
      { timeoutMs: 25_000 },
    );

    expect(tries).toBe(0);
  });
});
