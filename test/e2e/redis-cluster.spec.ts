import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { TestCluster } from '../support/redis-cluster.ts';
import { increases, type SseStream } from '../support/sse.ts';

const PREFIX = '{cluster-test}';
/** The two queues of the service have a blocking one each. */
const CONNECTIONS = ['bull', 'bull', 'bull-events', 'command', 'subscriber'].map(
  (name) => `jobstream:${name}`,
);
/** Longer than the tests: what viewers get, they get through Redis, or by catching up after it was away. */
const BACKSTOP_MS = '600000';

let cluster: TestCluster;
let app: TestApp;
beforeAll(async () => {
  cluster = await TestCluster.start(PREFIX);
  const owner = await cluster.owner();
  // One node is enough to find the others by, and it need not be the one.
  const other = cluster.nodes.find((node) => node !== owner);
  const environment = {
    REDIS_URL: `redis+cluster://127.0.0.1:${other?.port}`,
    JOBS_PREFIX: PREFIX,
    STREAM_BACKSTOP_MS: BACKSTOP_MS,
  };
  app = await startApp({ adapter: 'fastify', environment });
});
afterAll(async () => {
  await app?.close();
  await cluster?.close();
});

/** All connections are at the node that serves the prefix, and none elsewhere. */
async function expectConnectionsAtOwner(): Promise<void> {
  await eventually(
    async () => {
      const owner = await cluster.owner();
      const others = cluster.nodes.filter((node) => node !== owner);
      expect(await owner.connections()).toEqual(CONNECTIONS);
      expect((await Promise.all(others.map((node) => node.connections()))).flat()).toEqual([]);
    },
    { timeoutMs: 20_000 },
  );
}

async function expectEnd(stream: SseStream, status = 'completed'): Promise<void> {
  const end = await stream.untilEvent('end', 25_000);
  expect(end.data?.job?.status).toBe(status);
  expect(increases(stream.events)).toBe(true);
}

/** A dead node is noticed after 15 s, and elections on a busy machine take their time. */
jest.setTimeout(90_000);

describe('on a Redis Cluster', () => {
  it('jobs run and are followed to their end, over the same few connections to one node', async () => {
    await expectConnectionsAtOwner();
    const id = await app.steps({ steps: 40, stepMs: 25 });
    const streams = await Promise.all(Array.from({ length: 10 }, () => app.stream(id)));
    await streams[0]?.untilEvent('progress');

    expect(await (await cluster.owner()).connections()).toEqual(CONNECTIONS);
    for (const stream of streams) await expectEnd(stream);
    expect(streams[0]?.of('progress').length).toBeGreaterThan(5);
    expect(streams[0]?.of('progress').at(-1)?.data?.progress?.done).toBe(40);
  });

  it('a node that freezes is left for the replica that takes over, and viewers get what they missed', async () => {
    const frozen = await cluster.owner();
    const running = await app.stream(await app.steps({ steps: 60, stepMs: 25 }));
    await running.untilEvent('progress');

    frozen.freeze();
    const ids = await Promise.all(Array.from({ length: 10 }, () => app.steps({ steps: 2, stepMs: 1 })));
    const streams = await Promise.all(ids.map((id) => app.stream(id)));

    for (const stream of [running, ...streams]) await expectEnd(stream);
    expect(await cluster.owner()).not.toBe(frozen);
    frozen.thaw();
    await expectConnectionsAtOwner();
  });

  it('a slot that moves takes all connections along, and viewers go on getting progress', async () => {
    const id = await app.runningJob();
    const stream = await app.stream(id);

    const from = await cluster.owner();
    expect(await cluster.moveSlot()).not.toBe(from);
    await expectConnectionsAtOwner();

    const seen = stream.of('progress').length;
    await eventually(() => expect(stream.of('progress').length).toBeGreaterThan(seen + 3));
    await app.cancel(id);
    await expectEnd(stream, 'cancelled');
    await expectEnd(await app.stream(await app.steps({ steps: 2, stepMs: 1 })));
  });

  it('a node that restarts empty loses no job, and viewers get what they missed', async () => {
    const owner = await cluster.owner();
    const job = await app.steps({ steps: 40, stepMs: 25 });
    const running = await app.stream(job);
    await running.untilEvent('progress');

    await owner.stop('SIGKILL');
    const ids = await Promise.all(Array.from({ length: 10 }, () => app.steps({ steps: 2, stepMs: 1 })));
    const streams = await Promise.all(ids.map((id) => app.stream(id)));
    // Nobody is told of its end.
    await eventually(async () => expect((await app.job(job)).status).toBe('completed'));
    await owner.start();

    for (const stream of [running, ...streams]) await expectEnd(stream);
    await expectConnectionsAtOwner();
  });

  it.each([
    ['one of its nodes as a single server', () => cluster.nodes[0]?.url, 'redis+cluster://host:port'],
    [
      'nodes that nothing answers at',
      () => 'redis+cluster://u:secret@127.0.0.1:1,127.0.0.1:2',
      'ECONNREFUSED',
    ],
  ])('a start with %s is refused, and the way out is named', async (_name, url, text) => {
    const start = startApp({ adapter: 'fastify', environment: { REDIS_URL: url() ?? '' } });
    const error = await start.then(
      () => null,
      (reason: Error) => reason,
    );
    expect(error?.message).toContain(text);
    expect(error?.message).not.toContain('secret');
  });
});
