import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, LATER, serviceEnvironment } from '../support/app.ts';
import { CursorReader } from '../support/cursor-reader.ts';
import { eventually } from '../support/eventually.ts';
import { send } from '../support/http.ts';
import { PlayedWorker } from '../support/played-worker.ts';
import { RawConnection, requestText } from '../support/raw-connection.ts';
import { ensureBuilt, ServiceProcess } from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase, testRedis } from '../support/services.ts';
import { openStream } from '../support/sse.ts';
import { signToken } from '../support/tokens.ts';

/** Clients of one caller that never read. */
const STALLED = 60;
const READING = 3;
/** 8 MB for each viewer: twice what the kernel takes off a process for a socket that nobody reads. */
const FRAMES = 1_600;
const BATCH = 100;
/** What a stalled client may cost: 256 KiB of frames, and as much again for the socket and for garbage. */
const BYTES_PER_CLIENT = 512 * 1024;
/** 30 s without a byte taken, and what a busy machine adds. */
const CUT_OFF_MS = 60_000;

describe.each(ADAPTERS)('Clients that do not read, on %s', (adapter) => {
  let database: TestDatabase;
  let service: ServiceProcess;
  let worker: PlayedWorker;
  /** A job with clients that read and clients that do not, and one whose clients stay stalled to the last test. */
  let watched: string;
  let abandoned: string;
  let reading: CursorReader[];
  let stalled: RawConnection[];
  let victims: RawConnection[];
  let memoryBefore: number;
  beforeAll(async () => {
    await ensureBuilt();
    database = await createTestDatabase();
    const redis = testRedis();
    worker = new PlayedWorker(database, redis);
    service = await ServiceProcess.start({
      ...serviceEnvironment(database.url, redis),
      HTTP_ADAPTER: adapter,
      JOBS_ROLES: 'api',
      STREAM_MAX_PER_CALLER: String(STALLED),
      STREAM_BACKSTOP_MS: '5000',
    });
    [watched, abandoned] = [await runningJob(), await runningJob()];
    const token = await tokenOf('reader');
    const url = `${service.url}/jobs/${watched}/events`;
    reading = Array.from({ length: READING }, () => new CursorReader(url, token));
    await Promise.all(reading.map((reader) => reader.until(2, 0)));
    stalled = await stalledClients(watched, 'stalled');
    victims = await stalledClients(abandoned, 'victim');
    memoryBefore = await memory();
  }, 180_000);
  afterAll(async () => {
    for (const reader of reading) reader.leave();
    for (const client of [...stalled, ...victims]) client.destroy();
    await service.stop();
    worker.close();
    await database.drop();
  });

  const tokenOf = (subject: string): Promise<string> =>
    signToken({ subject, scope: 'jobs:read jobs:write jobs:tenant' });

  async function runningJob(): Promise<string> {
    const body = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
    const answer = await send(`${service.url}/jobs`, {
      method: 'POST',
      token: await tokenOf('reader'),
      body,
    });
    const { id } = answer.json<{ job: { id: string } }>().job;
    await worker.claim(id, 2);
    return id;
  }

  async function stalledClients(id: string, subject: string): Promise<RawConnection[]> {
    const request = requestText('GET', `/jobs/${id}/events`, { token: await tokenOf(subject) });
    const clients = Array.from({ length: STALLED }, () => new RawConnection(service.url).write(request));
    await Promise.all(clients.map((client) => client.until('event: snapshot')));
    for (const client of clients) client.stall();
    return clients;
  }

  async function metric(name: string): Promise<number> {
    const { text } = await send(`${service.url}/metrics`);
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  const memory = (): Promise<number> => metric('process_resident_memory_bytes');

  it('delay no frame to those who read', async () => {
    for (let tick = 1; tick <= FRAMES; tick += 1) {
      await Promise.all([worker.report(watched, 2, tick), worker.report(abandoned, 2, tick)]);
      if (tick % BATCH === 0) await Promise.all(reading.map((reader) => reader.until(2, tick)));
    }

    expect(reading.map((reader) => reader.increases)).toEqual(reading.map(() => true));
  }, 60_000);

  it(`cost less than ${BYTES_PER_CLIENT / 1024} KiB each, and stay`, async () => {
    const clients = stalled.length + victims.length;

    expect(((await memory()) - memoryBefore) / clients).toBeLessThan(BYTES_PER_CLIENT);
    expect(await metric('jobstream_open_streams')).toBe(clients + READING);
  });

  it('find the newest progress, and only little of the rest, when they read again', async () => {
    const [client] = stalled;
    if (!client) throw new Error('There is no client.');

    await client.read().until(`id: 2.${FRAMES}\n`);

    const ids = [...client.text.matchAll(/^id: 2\.(\d+)$/gm)].map(([, tick]) => Number(tick));
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeLessThan(FRAMES);
  });

  it('find every status and one end when they read again', async () => {
    await worker.giveBack(watched, 3);
    await Promise.all(reading.map((reader) => reader.until(3, 0)));
    await worker.claim(watched, 4);
    await Promise.all(reading.map((reader) => reader.until(4, 0)));
    for (let tick = 1; tick <= BATCH; tick += 1) await worker.report(watched, 4, tick);
    await worker.complete(watched, 5);
    await Promise.all(reading.map((reader) => reader.until(5, 0)));

    const [, ...clients] = stalled;
    for (const client of clients) client.read();
    await Promise.all(clients.map((client) => client.until('event: end')));
    for (const { text } of clients) {
      const statuses = [...text.matchAll(/^event: (state|end)\nid: (\S+)$/gm)].map(([, event, id]) => [
        event,
        id,
      ]);
      expect(statuses).toEqual([
        ['state', '3.0'],
        ['state', '4.0'],
        ['end', '5.0'],
      ]);
      expect(text).toContain(`id: 4.${BATCH}\n`);
    }
  }, 60_000);

  it('are cut off in the end, and give their places back', async () => {
    let tick = FRAMES;
    await eventually(
      async () => {
        // Until the kernel takes no more for them: what they are sent is left out as soon as it does not.
        for (let more = 0; more < BATCH; more += 1) await worker.report(abandoned, 2, (tick += 1));
        expect(await metric('jobstream_admitted_streams')).toBe(0);
      },
      { timeoutMs: CUT_OFF_MS },
    );

    expect(await metric('jobstream_open_streams')).toBe(0);
    expect(victims.map(({ text }) => text.includes('event: bye'))).toEqual(victims.map(() => false));
    const again = await stalledClients(abandoned, 'victim');
    for (const client of again) client.destroy();
  }, 90_000);

  it('find the end when they come back', async () => {
    await worker.complete(abandoned, 3);
    const token = await tokenOf('victim');

    const stream = await openStream(`${service.url}/jobs/${abandoned}/events`, {
      token,
      headers: { 'last-event-id': '2.1' },
    });
    await stream.untilClosed();

    expect(stream.events.at(-1)).toMatchObject({ event: 'end', id: '3.0' });
  });
});
