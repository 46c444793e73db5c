import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { JobQueues } from '../../src/dispatch/job-queues.ts';
import { AuditTrail } from '../../src/store/audit-trail.ts';
import { EVERY_TENANT } from '../../src/store/every-tenant.ts';
import { JobOffers } from '../../src/store/job-offers.ts';
import { JobRetention } from '../../src/store/job-retention.ts';
import type { Credential, TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/sse.ts';
import { type Route, startRecordedApp } from './matrix/recorded-app.ts';
import { ruleOf } from './matrix/rules.ts';
import { cookieFor, ticketFor } from './minted.ts';
import { logged, statementsRun } from './statements/postgres-log.ts';
import { watchStore } from './statements/store-methods.ts';
import { OF_A_TENANT, OF_NO_TENANT, problemOf, reasonOf } from './statements/tenant-rule.ts';

const PAGE_FILES: ReadonlySet<string> = new Set(
  readdirSync(join(import.meta.dirname, '../../src/dashboard/page')).map((name) => `/${name}`),
);
const ADMIN = { tenant: 'operators', subject: 'root', scope: 'jobs:admin' };
const FAST = { STREAM_BACKSTOP_MS: '100', STREAM_MAX_PER_CALLER: '100' };
const STEPS = { type: 'demo.steps', payload: { steps: 1, stepMs: 0, logEvery: 1 } };

/** The service is API and worker; its connections, and no others, write what they run into the log of Postgres. */
describe('Every statement that Postgres runs for the service', () => {
  let app: TestApp;
  let nest: INestApplication;
  let routes: Route[];
  let missing: () => string[];
  let statements: Set<string>;

  beforeAll(async () => {
    missing = await watchStore();
    ({ app, nest, routes } = await startRecordedApp('fastify', FAST, logged));
    await liveThroughEverything();
    statements = statementsRun();
  }, 120_000);
  afterAll(async () => {
    jest.restoreAllMocks();
    await app.close();
  });

  async function liveThroughEverything(): Promise<void> {
    await submitAndRun();
    await cancelAndRetry();
    await follow();
    await useKeys();
    await askEveryRoute();
    await doWhatTakesTime();
    await eventually(() => expect(missing()).toEqual([]), { timeoutMs: 20_000 });
  }

  async function submitAndRun(): Promise<void> {
    const headers = { 'idempotency-key': randomUUID() };
    const twice = [0, 1].map(() => app.send('/jobs', { method: 'POST', body: STEPS, headers }));
    await Promise.all(twice);
    const id = await app.steps({ steps: 1, stepMs: 0 }, { runAt: new Date(Date.now() + 700).toISOString() });
    await app.untilFinal(id);
  }

  async function cancelAndRetry(): Promise<void> {
    const waiting = await app.waitingJob();
    await app.cancel(waiting);
    await app.retry(waiting);
    const running = await app.runningJob();
    await eventually(() => expect(missing()).not.toContain('JobLeases.renew'));
    await app.cancel(running);
    expect((await app.untilFinal(running)).status).toBe('cancelled');
  }

  /** By token and cookie, from a cursor on, with a job that runs meanwhile; a feed whose first state is being read. */
  async function follow(): Promise<void> {
    const id = await app.waitingJob();
    const cookie = await cookieFor(app, `/jobs/${id}/events`, await ticketFor(app, { jobs: [id] }));
    const streams = await Promise.all([
      openStream(`${app.url}/jobs/${id}/events`, { headers: { cookie } }),
      app.stream(id, '?after=1.0&logs=1'),
      openStream(`${app.url}/jobs/events`, { token: await app.token() }),
    ]);
    await streams[2]?.untilEvent('ready');
    const running = await app.runningJob();
    await streams[2]?.untilFrame(({ data }) => data?.job?.id === running && data.job.progress !== null);
    await app.cancel(running);
    await app.cancel(id);
    await streams[0]?.untilEvent('end');
    await app.post('/revocations', { tenant: 'acme', subject: 'alice' }, ADMIN);
    await streams[2]?.untilEvent('bye');
    for (const stream of streams) stream.destroy();
  }

  async function useKeys(): Promise<void> {
    const body = { name: 'robot', tenant: 'acme', subject: 'robot', scopes: ['jobs:read'] };
    const { key, id } = (await app.post('/api-keys', body, ADMIN)).json<{ key: string; id: string }>();
    expect((await app.get('/jobs', key)).status).toBe(200);
    expect((await app.send(`/api-keys/${id}`, { method: 'DELETE' }, ADMIN)).status).toBe(204);
  }

  /** As the matrix asks it, by a user and by an administrator. */
  async function askEveryRoute(): Promise<void> {
    const user = { subject: 'bob' };
    const { job } = await app.submit(STEPS, user);
    await app.untilFinalAs(job.id, user);
    for (const { method, path } of routes)
      for (const as of [user, ADMIN]) await ask(method, path, job.id, as);
  }

  async function ask(method: string, path: string, id: string, as: Credential): Promise<void> {
    const rule = ruleOf(method, path, PAGE_FILES);
    if (!rule)
      throw new Error(`Nothing says how to ask ${method} ${path}: add it to the rules of the matrix.`);
    const where = path.replace(':id', id) + (rule.query ?? '');
    if (rule.stream && rule.lists && method === 'GET') {
      const feed = await openStream(`${app.url}${where}`, { token: await app.token(as as object) });
      await feed.untilEvent('ready');
      return feed.destroy();
    }
    const answer = await app.send(where, { method, body: rule.body?.(id) }, as);
    const due = rule.needs === 'admin' && as !== ADMIN ? 403 : rule.allowed[0];
    expect([method, path, answer.status]).toEqual([method, path, due]);
  }

  /** What comes once a minute, or with bad luck only. */
  async function doWhatTakesTime(): Promise<void> {
    await nest.get(JobRetention, { strict: false }).purge(30);
    await nest.get(AuditTrail, { strict: false }).purge(365);
    await nest.get(JobOffers, { strict: false }).offerEverythingAgain();
    // An offer whose job is gone is given back.
    const [queue] = nest.get(JobQueues, { strict: false }).all;
    await queue?.bull.add('demo.steps', { id: randomUUID(), version: 1 });
  }

  it('keeps to a tenant, or begins with a reason that is on the list', () => {
    const problems = [...statements].flatMap((statement) => {
      const problem = problemOf(statement);
      return problem === null ? [] : [`${problem}: ${statement}`];
    });
    expect(problems).toEqual([]);
  });

  it('was seen: those of every method of the store, of every table, and for every reason', () => {
    const all = [...statements];
    expect(missing()).toEqual([]);
    expect(OF_A_TENANT.filter((table) => !all.some((text) => text.includes(`"jobs".${table} `)))).toEqual([]);
    const reasons = new Set(all.map(reasonOf).filter((reason) => reason !== null));
    expect([...reasons].toSorted()).toEqual(Object.values(EVERY_TENANT).toSorted());
    const ours = all.filter((text) => text.includes('"jobs".'));
    process.stdout.write(`${all.length} different statements, ${ours.length} of them about our tables\n`);
    expect(ours.length).toBeGreaterThanOrEqual(35);
  });

  it('is about tables of which it is known whether their rows are of a tenant', async () => {
    const rows = await app.dataSource.query<{ name: string }[]>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'jobs'`,
    );
    expect(rows.map(({ name }) => name).toSorted()).toEqual([...OF_A_TENANT, ...OF_NO_TENANT].toSorted());
  });
});

describe('The rule that statements are measured by', () => {
  it.each([
    ['a read by id', 'SELECT * FROM "jobs".job j WHERE j.id = ANY($1)'],
    ['a tenant that is only selected', 'SELECT j.tenant FROM "jobs".job j WHERE j.id = $1'],
    ['a history without its job', 'SELECT * FROM "jobs".job_change c WHERE c.job_id = $1'],
    ['an insert that names no tenant', 'INSERT INTO "jobs".ticket (hash, jobs) VALUES ($1, $2)'],
    [
      'an update beside an insert',
      'WITH a AS (INSERT INTO "jobs".audit (tenant) VALUES ($1)) UPDATE "jobs".job j SET x = 1',
    ],
    ['a reason that somebody made up', '/* every tenant: it is late */ SELECT * FROM "jobs".job'],
    [
      'a reason that comes too late',
      'SELECT * /* every tenant: old rows are deleted by age */ FROM "jobs".job',
    ],
  ])('refuses %s', (_title, statement) => {
    expect(problemOf(statement)).not.toBeNull();
  });
});
