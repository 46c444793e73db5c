import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection, requestText } from '../support/raw-connection.ts';
import type { SseStream } from '../support/sse.ts';

/** More than the clients that come at a time can have open, three streams each. */
const MAX_PER_CALLER = 80;
const AT_A_TIME = 25;
/** 400 make 10,000 connections to each server: `SLOTS_PER_WAY=400 npm test -- stream-slots`, some two minutes. */
const CONNECTIONS_PER_WAY = Number(process.env['SLOTS_PER_WAY'] ?? 50);
const WAY_MS = Math.max(30_000, 300 * CONNECTIONS_PER_WAY);

const ANSWERED = 'HTTP/1.1 200 OK';
const SNAPSHOT = 'event: snapshot';
const END = 'event: end';

describe.each(ADAPTERS)('The places of streams on %s', (adapter) => {
  let app: TestApp;
  let stream: string;
  let ended: string;
  let unknown: string;
  let feed: string;
  let job: string;
  let head: string;
  let old: string;
  let headOfFeed: string;
  /** What is taken while nobody is there. */
  let idle: Record<string, number>;
  beforeAll(async () => {
    app = await startApp({ adapter, environment: { STREAM_MAX_PER_CALLER: String(MAX_PER_CALLER) } });
    const token = await app.token();
    const id = await app.waitingJob();
    const final = await app.waitingJob();
    await app.cancel(final);
    const path = `/jobs/${id}/events`;
    stream = requestText('GET', path, { token });
    ended = requestText('GET', `/jobs/${final}/events`, { token });
    unknown = requestText('GET', `/jobs/${randomUUID()}/events`, { token });
    feed = requestText('GET', '/jobs/events?tag=none', { token });
    job = requestText('GET', `/jobs/${id}`, { token });
    head = requestText('HEAD', path, { token });
    headOfFeed = requestText('HEAD', '/jobs/events?tag=none', { token });
    idle = await taken(app);
    expect(idle).toMatchObject({ open_streams: 0, admitted_streams: 0, watched_jobs: 0 });
    old = requestText('GET', path, { token, version: '1.0' });
  });
  afterAll(() => app.close());

  /** Everything that a client may do to a stream; `turn` varies when. */
  const ways: [string, (client: RawConnection, turn: number) => Promise<unknown> | void][] = [
    ['nothing is asked', (client) => client.destroy()],
    ['the request is not whole', (client, turn) => client.write(stream.slice(0, turn)).destroy()],
    ['closed at once', (client) => client.write(stream).destroy()],
    ['closed a little later', (client, turn) => soon(turn).then(() => client.write(stream).destroy())],
    ['closed while it is decided', (client, turn) => after(client.write(stream), turn).then(close)],
    ['reset while it is decided', (client, turn) => after(client.write(stream), turn).then(reset)],
    ['closed after the headers', (client) => client.write(stream).until(ANSWERED).then(close)],
    ['reset after the first frame', (client) => client.write(stream).until(SNAPSHOT).then(reset)],
    ['half closed at once', (client) => client.write(stream).halfClose()],
    ['half closed after the first frame', (client) => client.write(stream).until(SNAPSHOT).then(halfClose)],
    ['stalled, then closed', (client) => client.write(stream).until(ANSWERED).then(stallAndClose)],
    ['a feed, closed', (client) => client.write(feed).until('event: ready').then(close)],
    ['a feed, closed while it is decided', (client, turn) => after(client.write(feed), turn).then(close)],
    ['a feed, half closed at once', (client) => client.write(feed).halfClose()],
    ['HEAD of a feed', (client, turn) => after(client.write(headOfFeed), turn).then(close)],
    ['HTTP/1.0, closed', (client) => client.write(old).until(SNAPSHOT).then(close)],
    ['HEAD', (client) => client.write(head).until(ANSWERED).then(close)],
    [
      'HEAD, then a stream',
      (client) =>
        client
          .write(head + stream)
          .until(SNAPSHOT)
          .then(close),
    ],
    ['a job that has ended', (client) => client.write(ended).until(END).then(close)],
    [
      'refused, then a stream',
      (client) =>
        client
          .write(unknown + stream)
          .until(SNAPSHOT)
          .then(reset),
    ],
    ['a connection that was used before', (client) => reuse(client).then(close)],
    ['pipelined, closed', (client) => client.write(stream.repeat(3)).until(SNAPSHOT).then(close)],
    ['pipelined, reset', (client, turn) => after(client.write(stream.repeat(3)), turn).then(reset)],
    [
      'pipelined, half closed',
      (client) =>
        client
          .write(stream + feed)
          .until(SNAPSHOT)
          .then(halfClose),
    ],
    [
      'pipelined after the end',
      (client) =>
        client
          .write(ended + ended + stream)
          .until(SNAPSHOT)
          .then(close),
    ],
  ];

  async function reuse(client: RawConnection): Promise<RawConnection> {
    await client.write(job).until('"version"');
    await client.write(ended).until(END);
    return client.write(stream).until(SNAPSHOT);
  }

  it.each(ways)(
    `are free again: ${CONNECTIONS_PER_WAY} connections, %s`,
    async (_way, act) => {
      for (let turn = 0; turn < CONNECTIONS_PER_WAY; turn += AT_A_TIME) {
        const clients = Array.from({ length: AT_A_TIME }, () => new RawConnection(app.url));
        await Promise.all(clients.map(async (client, index) => act(client, turn + index)));
        await Promise.all(clients.map((client) => client.untilClosed()));
      }

      await eventually(async () =>
        expect(await taken(app)).toMatchObject({ open_streams: 0, admitted_streams: 0 }),
      );
      await expectAllPlaces(app);
    },
    WAY_MS,
  );
});

/** As many streams as a caller may have can be opened, and not one more. */
async function expectAllPlaces(app: TestApp): Promise<void> {
  const id = await app.waitingJob();
  const open: SseStream[] = [];
  const refused = async (): Promise<number> => (await app.send(`/jobs/${id}/events`)).status;
  try {
    await eventually(async () => {
      while (open.length < MAX_PER_CALLER) open.push(await app.stream(id));
    });
    expect(await refused()).toBe(429);
  } finally {
    for (const stream of open) stream.destroy();
    await eventually(async () =>
      expect(await taken(app)).toMatchObject({ open_streams: 0, admitted_streams: 0 }),
    );
  }
}

/** What streams take of a process, as it tells itself. */
async function taken(app: TestApp): Promise<Record<string, number>> {
  const { text } = await app.get('/metrics', null);
  const names = ['open_streams', 'admitted_streams', 'watched_jobs', 'subscribed_channels'];
  return Object.fromEntries(
    names.map((name) => [name, Number(new RegExp(`^jobstream_${name} (\\d+)$`, 'm').exec(text)?.[1])]),
  );
}

/** A few milliseconds, so that over many turns the client leaves at every point of the guard's work. */
const soon = (turn: number): Promise<void> => delay(turn % 10);

async function after(client: RawConnection, turn: number): Promise<RawConnection> {
  await soon(turn);
  return client;
}

const close = (client: RawConnection): void => client.destroy();
const reset = (client: RawConnection): void => client.reset();
const halfClose = (client: RawConnection): void => client.halfClose();
const stallAndClose = (client: RawConnection): void => client.stall().destroy();
