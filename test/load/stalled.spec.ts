import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { RawConnection, requestText } from '../support/raw-connection.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { testFolder } from '../support/services.ts';
import { ChatViewer } from './lab/chat-viewer.ts';
import { FrameReader } from './lab/frame-reader.ts';
import { cancel, Lab, median, metrics, print, quantile, submit, tokenOf } from './lab/host.ts';

/**
 * They come by a Unix socket: for a TCP client that does not read the kernel takes 4 MB, 2 GB for all of them, which is
 * what it has for all of TCP on a small machine. `stream-pressure.spec.ts` has such clients on TCP.
 */
const STALLED = 500;
const AT_A_TIME = 50;
const READING = 3;
const ROUNDS = 3;
const EVERY_MS = 20;
const FRAME_BYTES = 5 * 1024;
/** What is reported while they do not read, for each of them: the kernel takes some 200 KB, the service 256 KiB. */
const UNREAD_BYTES = 1024 * 1024;
const MEASURED = 100;
/** 256 KiB each, and what the heap of a process that answers 500 requests and encodes frames needs anyway. */
const MAX_GROWTH = STALLED * 256 * 1024 + 64 * 1024 * 1024;
/** 30 s without a byte taken, and what a busy machine adds. */
const CUT_OFF_MS = 60_000;
/** Those that read again just in time to be told. */
const TOLD = 50;

interface Round {
  p50: number;
  p99: number;
  pace: number;
}

describe(`${STALLED} clients of a busy job that do not read`, () => {
  const socketPath = join(testFolder(), 'load.sock');
  const clear: Round[] = [];
  const crowded: Round[] = [];
  let lab: Lab;
  let service: ServiceProcess;
  let token: string;
  let chat: string;
  let other: string;
  let viewers: ChatViewer[] = [];
  let stalled: RawConnection[] = [];
  let before: number;
  let peak = 0;
  let openAtTheEnd: number;
  beforeAll(async () => {
    lab = await Lab.open();
    token = await tokenOf('alice');
    service = await lab.start({ JOBS_ROLES: 'api', STREAM_MAX_PER_CALLER: '2000', LOAD_SOCKET: socketPath });
    await lab.start({ JOBS_ROLES: 'worker', PROGRESS_INTERVAL_MS: '10' });
    [chat, other] = [await startChat(), await startChat()];
    viewers = [chat, other].flatMap((job) =>
      Array.from({ length: READING }, () => new ChatViewer(`${service.url}/jobs/${job}/events`, token)),
    );
    await measure();
    before = await memory();
    for (let round = 1; round <= ROUNDS; round += 1) await playRound(round === ROUNDS);
    openAtTheEnd = (await metrics(service.url, 'jobstream_open_streams')).jobstream_open_streams;
  });
  afterAll(async () => {
    for (const viewer of viewers) viewer.leave();
    for (const client of stalled) client.destroy();
    await lab.close();
  });

  const startChat = (): Promise<string> => submit(service.url, 'load.chat', { everyMs: EVERY_MS });

  /** Without the clients that do not read, then with them; they stay after the last round. */
  async function playRound(last: boolean): Promise<void> {
    clear.push(await measure());
    stalled = await openStalled();
    await untilReported(UNREAD_BYTES / FRAME_BYTES);
    crowded.push(await measure());
    if (last) return;
    for (const client of stalled) client.destroy();
    await untilOpen(viewers.length);
  }

  async function openStalled(): Promise<RawConnection[]> {
    const request = requestText('GET', `/jobs/${chat}/events`, { token });
    const clients: RawConnection[] = [];
    while (clients.length < STALLED) {
      const some = Array.from({ length: AT_A_TIME }, () => new RawConnection(socketPath).write(request));
      await Promise.all(some.map((client) => client.until('event: snapshot').then(() => client.stall())));
      clients.push(...some);
    }
    return clients;
  }

  async function measure(): Promise<Round> {
    for (const viewer of viewers) viewer.measure();
    await untilReported(MEASURED);
    const latencies = viewers.flatMap(({ latenciesMs }) => latenciesMs);
    const pace = Math.min(...viewers.map((viewer) => viewer.pace));
    return { p50: median(latencies), p99: quantile(latencies, 0.99), pace };
  }

  /** Until everybody who reads has seen so many more reports of their job. */
  async function untilReported(count: number): Promise<void> {
    const aims = viewers.map(({ newest }) => newest + count);
    await eventually(
      async () => {
        peak = Math.max(peak, await memory());
        expect(viewers.filter(({ newest }, index) => newest < (aims[index] ?? 0))).toEqual([]);
      },
      { timeoutMs: 60_000 },
    );
  }

  async function untilOpen(count: number, timeoutMs = 10_000): Promise<void> {
    const names = ['jobstream_open_streams', 'jobstream_admitted_streams'] as const;
    await eventually(
      async () =>
        expect(await metrics(service.url, ...names)).toEqual({
          jobstream_open_streams: count,
          jobstream_admitted_streams: count,
        }),
      { timeoutMs },
    );
  }

  /** Resident bytes, as Linux counts them. */
  async function memory(): Promise<number> {
    const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
  }

  it('cost the service less than 256 KiB each', () => {
    const growth = peak - before;
    const each = growth / STALLED / 1_024;
    print(
      `${openAtTheEnd - viewers.length} stalled clients: ${mb(before)} MB before, ${mb(peak)} MB at the peak, ${each.toFixed(0)} KiB each`,
    );

    expect(growth).toBeLessThan(MAX_GROWTH);
  });

  it('slow down neither the job nor those who read', () => {
    print(`latency without them: ${clear.map(text).join(', ')}`);
    print(`latency with them:    ${crowded.map(text).join(', ')}`);
    const latencyRatios = ratios(({ p50 }) => p50);
    const paceRatios = ratios(({ pace }) => pace);
    print(
      `with to without: latency ${latencyRatios.map((ratio) => ratio.toFixed(2)).join(', ')}, ` +
        `pace of the job ${paceRatios.map((ratio) => ratio.toFixed(2)).join(', ')}`,
    );

    // The best of the rounds counts: what else the machine does slows down some of them, they would slow down all.
    expect(Math.min(...latencyRatios)).toBeLessThan(3);
    expect(Math.max(...paceRatios)).toBeGreaterThan(0.5);
  });

  const ratios = (of: (round: Round) => number): number[] =>
    crowded.map((round, index) => of(round) / of(clear[index] ?? round));

  it('are told goodbye where they read again in time, and cut off where they do not', async () => {
    await eventually(
      async () =>
        expect(await metrics(service.url, 'jobstream_open_streams')).toEqual({
          jobstream_open_streams: viewers.length,
        }),
      { timeoutMs: CUT_OFF_MS },
    );
    const told = stalled.slice(0, TOLD);
    for (const client of told) client.read();
    await Promise.all(told.map((client) => client.until('"reconnect":true}')));

    const goodbyes = told.map(
      ({ text: received }) => /^event: bye\n.*\n.*\ndata: (.*)$/m.exec(received)?.[1],
    );
    expect(goodbyes).toEqual(told.map(() => '{"reason":"slow","reconnect":true}'));
    await untilOpen(viewers.length, CUT_OFF_MS);
  });

  it('find the end when they come back, as those who read find the newest report and the end', async () => {
    await Promise.all([chat, other].map((job) => cancel(service.url, job)));
    await Promise.all(viewers.map(({ closed }) => closed));
    const found: string[] = [];
    const returned = stalled.map(
      () =>
        new FrameReader(`${service.url}/jobs/${chat}/events`, {
          token,
          lastId: '2.1',
          onFrame: ({ event }) => event === 'end' && found.push(event),
        }),
    );
    await Promise.all(returned.map(({ closed }) => closed));

    expect(found).toHaveLength(STALLED);
    expect(viewers.map(({ newest, end }) => newest - (end ?? 0))).toEqual(viewers.map(() => 0));
    expect(viewers.map(({ disordered }) => disordered)).toEqual(viewers.map(() => 0));
  });
});

const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);

const text = ({ p50, p99 }: Round): string => `p50 ${p50.toFixed(2)} ms p99 ${p99.toFixed(2)} ms`;
