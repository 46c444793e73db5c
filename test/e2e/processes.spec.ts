import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serviceEnvironment, LATER, type Submitted } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, type Request, send } from '../support/http.ts';
import { createTestDatabase, type TestDatabase, testRedis } from '../support/services.ts';
import { ensureBuilt, ServiceProcess } from '../support/service-process.ts';
import { type Frame, increases, openStream, type SseStream } from '../support/sse.ts';
import { signToken } from '../support/tokens.ts';

/** One API on each HTTP adapter, so that either shows what the other does. */
const ROLES = [
  { JOBS_ROLES: 'api', HTTP_ADAPTER: 'fastify' },
  { JOBS_ROLES: 'api', HTTP_ADAPTER: 'express' },
  { JOBS_ROLES: 'worker', HTTP_ADAPTER: 'fastify' },
  { JOBS_ROLES: 'worker', HTTP_ADAPTER: 'express' },
];

describe('Two API and two worker processes', () => {
  let database: TestDatabase;
  let token: string;
  let all: ServiceProcess[] = [];
  let apis: [ServiceProcess, ServiceProcess];
  let workers: [ServiceProcess, ServiceProcess];

  beforeAll(async () => {
    await ensureBuilt();
    database = await createTestDatabase();
    token = await signToken();
    const base = { ...serviceEnvironment(database.url, testRedis()), STREAM_MAX_PER_CALLER: '200' };
    const started = await Promise.allSettled(
      ROLES.map((roles) => ServiceProcess.start({ ...base, ...roles })),
    );
    all = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = started.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const [one, two, three, four] = all;
    if (!one || !two || !three || !four) throw new Error('Four processes were asked for.');
    apis = [one, two];
    workers = [three, four];
  }, 180_000);
  afterAll(async () => {
    await Promise.all(all.map((service) => service.stop()));
    await database.drop();
  });

  function call(service: ServiceProcess, path: string, request: Request = {}): Promise<Answer> {
    return send(`${service.url}${path}`, { token, ...request });
  }

  function follow(service: ServiceProcess, id: string, query: string): Promise<SseStream> {
    return openStream(`${service.url}/jobs/${id}/events${query}`, { token });
  }

  async function submit(service: ServiceProcess, payload: object, rest: object = {}): Promise<string> {
    const body = { type: 'demo.steps', payload, ...rest };
    return (await call(service, '/jobs', { method: 'POST', body })).json<Submitted>().job.id;
  }

  function statusFrames({ events }: SseStream): string[] {
    return events.filter(({ event }) => event !== 'progress').map(({ raw }) => raw);
  }

  it('show the same stream of every job on either API, run by both workers', async () => {
    const running = new Set<string>();
    const ids = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        submit(apis[index % 2 === 0 ? 0 : 1], { steps: 40, stepMs: 20, failAtStep: 20, failAttempts: 1 }),
      ),
    );
    const pairs = await Promise.all(
      ids.map((id) => Promise.all(apis.map((api) => follow(api, id, '?after=0.0')))),
    );
    await eventually(async () => {
      const rows = await database.dataSource.query<{ worker: string }[]>(
        `SELECT DISTINCT split_part(worker, ':', 2) AS worker FROM jobs.job WHERE status = 'active'`,
      );
      for (const { worker } of rows) running.add(worker);
      expect(running).toEqual(new Set(workers.map(({ pid }) => String(pid))));
    });
    await Promise.all(pairs.flat().map((stream) => stream.untilClosed(20_000)));

    for (const [one, two] of pairs) {
      if (!one || !two) throw new Error('Two streams were asked for.');
      expect(increases(one.events)).toBe(true);
      expect(increases(two.events)).toBe(true);
      expect(statusFrames(one)).toEqual(statusFrames(two));
      expect(one.events.at(-1)).toMatchObject({
        event: 'end',
        data: { job: { status: 'completed', attempt: 2 } },
      });
      expect(lastProgress(one)).toMatchObject({
        id: lastProgress(two)?.id,
        data: { progress: { done: 40 } },
      });
    }
  });

  it('resume on one API a stream that the other one began', async () => {
    const id = await submit(apis[0], { steps: 60, stepMs: 25 });
    const frames: Frame[] = [];
    let cursor = '0.0';
    for (let turn = 0; !cursor.startsWith('3.'); turn += 1) {
      const stream = await follow(apis[turn % 2 === 0 ? 0 : 1], id, `?after=${cursor}`);
      await stream.untilFrame(() => stream.closed || stream.events.length >= 5).catch(() => undefined);
      stream.destroy();
      await stream.untilClosed();
      frames.push(...stream.events);
      cursor = stream.events.at(-1)?.id ?? cursor;
    }

    expect(increases(frames)).toBe(true);
    expect(
      frames.filter(({ event }) => event !== 'progress').map(({ event, id: at }) => `${event} ${at}`),
    ).toEqual(['state 1.0', 'state 2.0', 'end 3.0']);
  });

  it('stop a running job that is cancelled on the other API', async () => {
    // Once its progress is stored, it has nothing to tell Postgres, or to learn from it, for a third of its lease.
    const id = await submit(apis[0], { steps: 1, stepMs: 60_000 });
    const stream = await follow(apis[0], id, '');
    await eventually(async () =>
      expect((await call(apis[0], `/jobs/${id}`)).json()['progress']).not.toBeNull(),
    );

    const answer = await call(apis[1], `/jobs/${id}/cancel`, { method: 'POST' });

    expect(answer.json()).toMatchObject({ status: 'active', cancelRequestedAt: expect.any(String) });
    expect((await stream.untilEvent('end', 3_000)).data?.job).toMatchObject({ status: 'cancelled' });
  });

  it('accept on either API the viewer token of the other', async () => {
    const body = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
    const { job, viewer } = (await call(apis[0], '/jobs', { method: 'POST', body })).json<Submitted>();

    expect((await call(apis[1], `/jobs/${job.id}`, { token: viewer.token })).status).toBe(200);
  });

  it('run an idempotent submission once, on whichever API it arrives', async () => {
    const body = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 } };
    const request = { method: 'POST', body, headers: { 'idempotency-key': 'twice' } };

    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => call(apis[i % 2 === 0 ? 0 : 1], '/jobs', request)),
    );

    expect(new Set(answers.map((answer) => answer.json<Submitted>().job.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === undefined)).toHaveLength(1);
  });

  it('offer no jobs on a worker, which tells of its health only', async () => {
    expect((await call(workers[0], '/jobs')).status).toBe(404);
    expect((await call(workers[0], '/health/ready')).json()).toMatchObject({ status: 'ok' });
  });

  it('end with 0 on SIGTERM', async () => {
    const exits = await Promise.all(all.map((service) => service.stop()));

    expect(exits.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    // Workers report there the attempts that failed.
    expect(exits.slice(0, 2).map(({ stderr }) => stderr)).toEqual(['', '']);
  });
});

function lastProgress(stream: SseStream): Frame | undefined {
  return stream.of('progress').at(-1);
}
