import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { TestSentinel } from '../support/redis-sentinel.ts';
import { increases, type SseStream } from '../support/sse.ts';

/** The two queues of the service have a blocking one each. */
const CONNECTIONS = ['bull', 'bull', 'bull-events', 'command', 'subscriber'].map(
  (name) => `jobstream:${name}`,
);

let redis: TestSentinel;
let app: TestApp;
beforeAll(async () => {
  redis = await TestSentinel.start();
  // Longer than the tests: what viewers get, they get through Redis, or by catching up after it was away.
  const environment = { REDIS_URL: redis.url, STREAM_BACKSTOP_MS: '600000' };
  app = await startApp({ adapter: 'fastify', environment });
});
afterAll(async () => {
  await app?.close();
  await redis?.close();
});

async function expectConnectionsAtMaster(): Promise<void> {
  await eventually(async () => expect(await (await redis.master()).connections()).toEqual(CONNECTIONS), {
    timeoutMs: 15_000,
  });
}

async function expectEnd(stream: SseStream, status = 'completed'): Promise<void> {
  const end = await stream.untilEvent('end', 20_000);
  expect(end.data?.job?.status).toBe(status);
  expect(increases(stream.events)).toBe(true);
}

/** A dead node is noticed after 15 s, and elections on a busy machine take their time. */
jest.setTimeout(90_000);

describe('behind Redis Sentinel', () => {
  it('jobs run and are followed to their end, over the same few connections to the master', async () => {
    await expectConnectionsAtMaster();
    const streams = await Promise.all(
      [1, 2, 3].map(async () => app.stream(await app.steps({ steps: 20, stepMs: 25 }))),
    );
    await streams[0]?.untilEvent('progress');
    expect(await (await redis.master()).connections()).toEqual(CONNECTIONS);
    for (const stream of streams) await expectEnd(stream);
  });

  it('a failover takes all connections along, and viewers go on getting progress', async () => {
    const id = await app.runningJob();
    const stream = await app.stream(id);

    await redis.failOver();
    await expectConnectionsAtMaster();

    const seen = stream.of('progress').length;
    await eventually(() => expect(stream.of('progress').length).toBeGreaterThan(seen + 3));
    await app.cancel(id);
    await expectEnd(stream, 'cancelled');
    await expectEnd(await app.stream(await app.steps({ steps: 2, stepMs: 1 })));
  });

  it('a master that is killed loses no job, and viewers get what they missed', async () => {
    await redis.untilReady();
    const master = await redis.master();
    const job = await app.steps({ steps: 20, stepMs: 25 });
    const running = await app.stream(job);
    await running.untilEvent('progress');

    await master.stop('SIGKILL');
    const ids = await Promise.all(Array.from({ length: 10 }, () => app.steps({ steps: 2, stepMs: 1 })));
    const streams = await Promise.all(ids.map((id) => app.stream(id)));

    for (const stream of [running, ...streams]) await expectEnd(stream);
    expect(await redis.master()).not.toBe(master);
    await expectConnectionsAtMaster();
  });

  it('a start with the name of no master is refused', async () => {
    const REDIS_URL = redis.url.replace(/[^/]+$/, 'nobody');
    await expect(startApp({ adapter: 'fastify', environment: { REDIS_URL } })).rejects.toThrow(
      'All sentinels are unreachable',
    );
  });
});
