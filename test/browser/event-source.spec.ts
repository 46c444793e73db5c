import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { freePort } from '../../packages/dev-servers/src/free-port.ts';
import { serviceEnvironment, type Submitted } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { send } from '../support/http.ts';
import { ensureBuilt, ServiceProcess } from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase, testRedis } from '../support/services.ts';
import { increases } from '../support/sse.ts';
import { signToken } from '../support/tokens.ts';
import { openBrowser } from './dashboard-page.ts';
import { EventSourcePage } from './event-source-page.ts';
import { PageServer } from './page-server.ts';

/** The longest `retry` that a stream sends. */
const RETRY_MS = 4_000;
const CLOSED = 2;
const patiently = { timeoutMs: 60_000 };

describe('The EventSource of a browser', () => {
  let database: TestDatabase;
  let variables: Record<string, string>;
  let worker: ServiceProcess;
  let api: ServiceProcess;
  let browser: Browser;
  let elsewhere: PageServer;
  const pages: EventSourcePage[] = [];

  beforeAll(async () => {
    await ensureBuilt();
    database = await createTestDatabase();
    elsewhere = await PageServer.start();
    variables = {
      ...serviceEnvironment(database.url, testRedis()),
      PORT: String(await freePort()),
      CORS_ORIGINS: elsewhere.url,
      PROGRESS_INTERVAL_MS: '100',
    };
    worker = await ServiceProcess.start({ ...variables, PORT: '0', JOBS_ROLES: 'worker' });
    api = await startApi();
    browser = await openBrowser();
  }, 180_000);
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all([api.stop(), worker.stop(), elsewhere.stop()]);
    await database.drop();
  });

  function startApi(): Promise<ServiceProcess> {
    return ServiceProcess.start({ ...variables, JOBS_ROLES: 'api' });
  }

  /** Ends the API like a deployment does, and starts it again at the same address; the worker goes on. */
  async function restartApi(): Promise<void> {
    await api.stop();
    api = await startApi();
  }

  async function post<T>(path: string, body: object, scope?: string): Promise<T> {
    const token = await signToken(scope === undefined ? {} : { scope });
    const answer = await send(`${api.url}${path}`, { method: 'POST', body, token });
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
    return answer.json<T>();
  }

  async function submit(payload: object): Promise<string> {
    const { job } = await post<Submitted>('/jobs', { type: 'demo.steps', payload });
    return job.id;
  }

  async function ticketFor(id: string): Promise<{ ticket: string; expiresAt: string }> {
    return post('/tickets', { jobs: [id] });
  }

  async function open(url: string): Promise<EventSourcePage> {
    const page = await EventSourcePage.open(browser, url);
    pages.push(page);
    return page;
  }

  async function untilEvent(page: EventSourcePage, event: string, count = 1): Promise<void> {
    await eventually(async () => {
      const frames = await page.frames();
      const found = frames.filter((frame) => frame.event === event).length;
      if (found < count)
        throw new Error(
          `${found} of ${event}, ${page.answers.join(' ')}: ${JSON.stringify(frames.slice(-3))}`,
        );
    }, patiently);
  }

  it('sees every state of a job once while its API restarts, and stops asking after the end', async () => {
    const site = await PageServer.start(api.url);
    try {
      const id = await submit({ steps: 60, stepMs: 150, failAtStep: 20, failAttempts: 1 });
      const { ticket } = await ticketFor(id);
      const page = await open(site.url);
      await page.follow(`/jobs/${id}/events?ticket=${ticket}&after=0.0`);
      await untilEvent(page, 'progress');
      await restartApi();
      await untilEvent(page, 'end');
      await eventually(async () => expect(await page.readyState()).toBe(CLOSED), patiently);
      const asked = site.streams.map(({ status }) => status);
      await delay(3 * RETRY_MS);

      const frames = await page.frames();
      const changes = frames.filter(({ event }) => event === 'state' || event === 'end');
      expect(changes.map((frame) => `${frame.event} ${frame.id}`)).toEqual([
        'state 1.0',
        'state 2.0',
        'state 3.0',
        'state 4.0',
        'end 5.0',
      ]);
      expect(changes.at(-1)?.data.job?.status).toBe('completed');
      expect(frames.at(-1)?.event).toBe('end');
      expect(idsIncrease(frames.filter(({ event }) => event !== 'bye'))).toBe(true);
      // Once before the restart, perhaps some that nobody answered, once after it, and the one that says to stop.
      expect(asked.filter((status) => status !== null)).toEqual([200, 200, 204]);
      expect(site.streams).toHaveLength(asked.length);
    } finally {
      await site.stop();
    }
  }, 180_000);

  it('of a page elsewhere comes back after its ticket has expired, until its subject is revoked', async () => {
    const id = await submit({ steps: 10_000, stepMs: 50 });
    const { ticket, expiresAt } = await ticketFor(id);
    const page = await open(elsewhere.url);
    await page.follow(`${api.url}/jobs/${id}/events?ticket=${ticket}`, true);
    await untilEvent(page, 'progress');
    expect(new URL(elsewhere.url)).toMatchObject({ hostname: new URL(api.url).hostname });
    expect(new URL(elsewhere.url).port).not.toBe(new URL(api.url).port);
    await delay(new Date(expiresAt).getTime() - Date.now() + 1_000);
    // From here on the ticket opens nothing, and what comes back has the cookie alone to show.
    expect((await send(`${api.url}/jobs/${id}/events?ticket=${ticket}`)).status).toBe(401);
    await restartApi();
    const before = (await page.frames()).length;
    await eventually(async () => expect((await page.frames()).length).toBeGreaterThan(before), patiently);

    await post('/revocations', { tenant: 'acme', subject: 'alice' }, 'jobs:admin');
    await eventually(async () => expect(await page.readyState()).toBe(CLOSED), patiently);
    const asked = page.asked.length;
    await delay(2 * RETRY_MS);

    expect(page.asked).toHaveLength(asked);
    // The browser repeats what it was given: nobody has made it a new ticket.
    expect(new Set(page.asked)).toEqual(new Set([`${api.url}/jobs/${id}/events?ticket=${ticket}`]));
    const frames = await page.frames();
    expect(frames.filter(({ event }) => event === 'snapshot')).toHaveLength(1);
    expect(frames.filter(({ event }) => event === 'bye').map(({ data }) => data.reason)).toEqual([
      'drain',
      'revoked',
    ]);
    expect(idsIncrease(frames.filter(({ event }) => event !== 'bye'))).toBe(true);
    expect(page.answers).toEqual(['200', '200', '401']);
  }, 240_000);
});

function idsIncrease(frames: { id: string }[]): boolean {
  return increases(frames.map(({ id }) => ({ id, raw: id }) as Parameters<typeof increases>[0][number]));
}
