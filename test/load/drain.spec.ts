import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LATER } from '../support/app.ts';
import { PlayedWorker } from '../support/played-worker.ts';
import { RawConnection, requestText } from '../support/raw-connection.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { barChart, bucketsOf } from './lab/bar-chart.ts';
import { Lab, metrics, print, submit, tokenOf } from './lab/host.ts';
import { ReturningViewer } from './lab/returning-viewer.ts';

const VIEWERS = 1_000;
const AT_A_TIME = 100;
/** Clients that do not read, and so cannot be told; 8 MB each is more than the kernel takes for them. */
const STALLED = 10;
const FRAMES = 1_600;
const GRACE_MS = 8_000;
/** Ten at a time, so that jobs end all through the drain and after it. */
const JOBS = 60;
const JOB_MS = 1_200;
/** A twentieth of the grace. */
const BUCKET_MS = GRACE_MS / 20;
/** Spread over half of the grace, a tenth of all comes in a bucket; all at once, a quarter and more would. */
const LARGEST_SHARE = 0.2;

describe(`SIGTERM with ${VIEWERS} viewers`, () => {
  let lab: Lab;
  let services: [ServiceProcess, ServiceProcess];
  let token: string;
  let viewers: ReturningViewer[] = [];
  let stalled: RawConnection[] = [];
  let stalledJob: string;
  let signalledAt: number;
  let tookMs: number;
  let code: number | null;
  beforeAll(async () => {
    lab = await Lab.open();
    token = await tokenOf('alice');
    const api = { JOBS_ROLES: 'api', SHUTDOWN_GRACE_MS: String(GRACE_MS), STREAM_MAX_PER_CALLER: '2000' };
    services = await Promise.all([lab.start(api), lab.start(api)]);
    stalledJob = await submit(services[0].url, 'demo.steps', { steps: 1, stepMs: 0 }, { runAt: LATER });
    stalled = await openStalled();
    viewers = await openViewers();
    // The jobs wait for it, so that they run and end while the process goes.
    await lab.start({ JOBS_ROLES: 'worker' });
    signalledAt = Date.now();
    ({ code } = await services[0].stop());
    tookMs = Date.now() - signalledAt;
  });
  afterAll(async () => {
    for (const viewer of viewers) viewer.leave();
    for (const client of stalled) client.destroy();
    await lab.close();
  });

  async function openViewers(): Promise<ReturningViewer[]> {
    const [{ url: first }, { url: second }] = services;
    const payload = { steps: 4, stepMs: JOB_MS / 4 };
    const jobs = await Promise.all(Array.from({ length: JOBS }, () => submit(first, 'demo.steps', payload)));
    const opened: ReturningViewer[] = [];
    while (opened.length < VIEWERS) {
      const some = Array.from({ length: AT_A_TIME }, (_viewer, index) => {
        const path = `/jobs/${jobs[(opened.length + index) % JOBS]}/events`;
        return new ReturningViewer([`${first}${path}`, `${second}${path}`], token);
      });
      await Promise.all(some.map((viewer) => viewer.opened));
      opened.push(...some);
    }
    return opened;
  }

  async function openStalled(): Promise<RawConnection[]> {
    const worker = new PlayedWorker(lab.database, lab.redis);
    await worker.claim(stalledJob, 2);
    const request = requestText('GET', `/jobs/${stalledJob}/events`, { token });
    const clients = Array.from({ length: STALLED }, () => new RawConnection(services[0].url).write(request));
    await Promise.all(clients.map((client) => client.until('event: snapshot')));
    for (const client of clients) client.stall();
    for (let tick = 1; tick <= FRAMES; tick += 1) await worker.report(stalledJob, 2, tick);
    worker.close();
    return clients;
  }

  it('ends the process within the grace, those included that do not read', () => {
    print(
      `SIGTERM with ${VIEWERS} viewers and ${STALLED} stalled clients: over after ${tookMs} of ${GRACE_MS} ms`,
    );

    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(GRACE_MS);
  });

  it('shows everybody the end of the job, in order and once', async () => {
    await Promise.all(viewers.map((viewer) => viewer.over));

    expect(viewers.filter(({ ends }) => ends !== 1)).toEqual([]);
    expect(viewers.filter(({ disordered, refusals }) => disordered > 0 || refusals > 0)).toEqual([]);
  });

  it('says goodbye to everybody who has not seen the end, each with a time to wait of its own', () => {
    const sentAway = viewers.filter(({ returns }) => returns.length > 0);
    const goodbyes = sentAway.map((viewer) => viewer.goodbyes);

    expect(sentAway.length).toBeGreaterThan(VIEWERS / 2);
    expect(goodbyes).toEqual(
      goodbyes.map(() => [{ reason: 'drain', reconnect: true, retry: expect.any(Number) }]),
    );
    const waits = goodbyes.flat().map(({ retry }) => retry ?? 0);
    expect([Math.min(...waits) >= 2_000, Math.max(...waits) <= 4_000]).toEqual([true, true]);
    expect(new Set(waits).size).toBeGreaterThan(sentAway.length / 4);
  });

  it('spreads the reconnects', () => {
    const arrivals = viewers.flatMap(({ returns }) => returns.map((at) => at - signalledAt));
    const buckets = bucketsOf(arrivals, BUCKET_MS);

    print(`${arrivals.length} reconnects after SIGTERM:\n${barChart(buckets, BUCKET_MS)}`);
    expect(Math.max(...buckets) / arrivals.length).toBeLessThan(LARGEST_SHARE);
  });

  it('leaves nothing behind on the other process', async () => {
    expect(await metrics(services[1].url, 'jobstream_open_streams', 'jobstream_watched_jobs')).toEqual({
      jobstream_open_streams: 0,
      jobstream_watched_jobs: 0,
    });
  });
});
