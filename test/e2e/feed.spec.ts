import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, type Credential, LATER, startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { openStream, type SseStream } from '../support/sse.ts';

describe.each(ANY_ADAPTER)('The feed of many jobs on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
  });
  afterAll(() => app.close());

  /** A feed of the user's own, so that tests do not see each other's jobs. */
  async function feed(query: string, as: Credential, cursor?: string): Promise<SseStream> {
    const token = typeof as === 'string' ? as : await app.token(as ?? {});
    const headers = cursor === undefined ? {} : { 'last-event-id': cursor };
    return openStream(`${app.url}/jobs/events${query}`, { token, headers });
  }

  const submit = async (as: Credential, rest: object = {}): Promise<string> => {
    const { job } = await app.submit({ type: 'demo.steps', payload: { steps: 3, stepMs: 1 }, ...rest }, as);
    return job.id;
  };
  const statuses = (stream: SseStream, id: string): (string | undefined)[] =>
    stream
      .of('job')
      .filter(({ data }) => data?.job?.id === id)
      .map(({ data }) => data?.job?.status);
  /** Until no transaction is under way that began before the job changed last, anywhere: it would hold cursors back. */
  const untilSettled = (id: string): Promise<void> =>
    eventually(async () => {
      const [row] = await app.dataSource.query<{ settled: boolean }[]>(
        'SELECT pg_snapshot_xmin(pg_current_snapshot()) > change_xid AS settled FROM jobs.job WHERE id = $1',
        [id],
      );
      expect(row?.settled).toBe(true);
    });
  const shown = (id: string, status: string) => (frame: SseStream['frames'][number]) =>
    frame.event === 'job' && frame.data?.job?.id === id && frame.data.job.status === status;

  it('shows what is there, says that it is ready, and goes on with what happens', async () => {
    const as = { subject: 'fred' };
    const before = await submit(as);
    await app.untilFinalAs(before, as);
    const stream = await feed('', as);

    await stream.untilEvent('ready');
    expect(new Set(statuses(stream, before))).toEqual(new Set(['completed']));
    // Not due yet: of a job that is claimed at once the feed may show no more than that.
    const after = await submit(as, { runAt: LATER });
    await stream.untilFrame(shown(after, 'queued'));
    await app.makeDue(after);
    await stream.untilFrame(shown(after, 'completed'));

    const seen = statuses(stream, after);
    expect(seen[0]).toBe('queued');
    expect(seen.at(-1)).toBe('completed');
    stream.destroy();
  });

  it('carries the progress of running jobs', async () => {
    const as = { subject: 'gina' };
    const stream = await feed('', as);
    const id = await submit(as, { payload: { steps: 40, stepMs: 10 } });
    await stream.untilFrame(shown(id, 'completed'));

    const done = stream
      .of('job')
      .filter(({ data }) => data?.job?.id === id && data.job.status === 'active')
      .map(({ data }) => data?.job?.progress?.done ?? 0);
    expect(done.length).toBeGreaterThan(3);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    stream.destroy();
  });

  it('shows nobody the jobs of another owner or tenant', async () => {
    const stream = await feed('', { subject: 'hugo' });
    await stream.untilEvent('ready');
    await submit({ subject: 'igor' });
    await submit({ subject: 'hugo', tenant: 'other' });
    const own = await submit({ subject: 'hugo' });
    await stream.untilFrame(shown(own, 'completed'));

    expect(new Set(stream.of('job').map(({ data }) => data?.job?.id))).toEqual(new Set([own]));
    stream.destroy();
  });

  it('shows a whole tenant to those who may see it', async () => {
    const stream = await feed('', { subject: 'judy', tenant: 'wide', scope: 'jobs:read jobs:tenant' });
    const id = await submit({ subject: 'kurt', tenant: 'wide' });

    const frame = await stream.untilFrame(shown(id, 'completed'));
    expect(frame.data?.job?.owner).toBe('kurt');
    stream.destroy();
  });

  it('follows filters by job, type and tag', async () => {
    const as = { subject: 'lena' };
    const first = await submit(as, { tags: ['red'] });
    const second = await submit(as, { tags: ['blue'] });
    await app.untilFinalAs(second, as);
    const ids = async (query: string): Promise<Set<string | undefined>> => {
      const stream = await feed(query, as);
      await stream.untilEvent('ready');
      stream.destroy();
      return new Set(stream.of('job').map(({ data }) => data?.job?.id));
    };

    expect(await ids('?tag=red')).toEqual(new Set([first]));
    expect(await ids(`?job=${first}&job=${second}`)).toEqual(new Set([first, second]));
    expect(await ids(`?job=${second}`)).toEqual(new Set([second]));
    expect(await ids('?type=csv.import')).toEqual(new Set());
  });

  it('says gone when a job leaves the filter by status', async () => {
    const as = { subject: 'mona' };
    const stream = await feed('?status=queued&status=active', as);
    const id = await submit(as);

    await stream.untilFrame(
      ({ event, data }) => event === 'gone' && (data as { id?: string } | null)?.id === id,
    );
    expect(statuses(stream, id)).not.toContain('completed');
    stream.destroy();
  });

  it('says gone of a job that an earlier stream has shown and that leaves after the return', async () => {
    const as = { subject: 'mia' };
    const { job } = await app.submit(
      { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER },
      as,
    );
    const first = await feed('?status=queued', as);
    const ready = await first.untilEvent('ready');
    first.destroy();

    const second = await feed('?status=queued', as, ready.id ?? '');
    await second.untilEvent('ready');
    await app.cancel(job.id, as);

    expect((await second.untilEvent('gone')).data).toEqual({ id: job.id });
    second.destroy();
  });

  it('sends again what changed since its cursor, and only that', async () => {
    const as = { subject: 'nina' };
    const old = await submit(as);
    await app.untilFinalAs(old, as);
    await untilSettled(old);
    const first = await feed('', as);
    const ready = await first.untilEvent('ready');
    first.destroy();
    const changed = await submit(as);
    await app.untilFinalAs(changed, as);

    const second = await feed('', as, ready.id ?? '');
    await second.untilEvent('ready');
    second.destroy();

    expect(new Set(statuses(second, changed))).toEqual(new Set(['completed']));
    expect(statuses(second, old)).toEqual([]);
  });

  it('answers a cursor that it cannot honour with reset and everything', async () => {
    const as = { subject: 'olga' };
    const id = await submit(as);
    await app.untilFinalAs(id, as);
    for (const cursor of ['nonsense', '3.0', '00', '09', '010', '999999999999999999']) {
      const stream = await feed('', as, cursor);
      await stream.untilEvent('ready');
      stream.destroy();
      expect(stream.events[0]?.event).toBe('reset');
      // Repeats are allowed: a feed may be told again of what changed while its first state was read.
      expect(new Set(statuses(stream, id))).toEqual(new Set(['completed']));
    }
  });

  it('gives every frame but comments an id', async () => {
    const as = { subject: 'paul' };
    const stream = await feed('', as);
    const id = await submit(as);
    await stream.untilFrame(shown(id, 'completed'));

    expect(stream.events.filter(({ id: cursor }) => !/^\d+$/.test(cursor ?? ''))).toEqual([]);
    stream.destroy();
  });

  it('refuses filters that are none before the first byte', async () => {
    for (const query of ['?status=done', '?job=1', '?tag=%00']) {
      const answer = await app.get(`/jobs/events${query}`);
      expect([answer.status, answer.json<{ code: string }>().code]).toEqual([400, 'invalid_request']);
    }
  });
});

describe('The feed without Redis messages', () => {
  it('finds what it was not told of within the backstop, and counts it', async () => {
    const app = await startApp({ adapter: 'fastify', environment: { STREAM_BACKSTOP_MS: '200' } });
    try {
      const stream = await openStream(`${app.url}/jobs/events`, { token: await app.token() });
      await stream.untilEvent('ready');
      // A change that no process announces.
      await app.dataSource.query(
        `INSERT INTO jobs.job (id, type, queue, tenant, owner, status, max_attempts, payload_hash, payload, run_at, stage)
         VALUES ('01890000-0000-7000-8000-000000000001', 'demo.steps', 'default', 'acme', 'alice', 'queued', 1, '', '{}',
           now() + interval '1 day', 'later')`,
      );
      const frame = await stream.untilEvent('job');
      expect(frame.data?.job?.id).toBe('01890000-0000-7000-8000-000000000001');
      expect((await app.get('/metrics')).text).toMatch(/^jobstream_backstop_hits_total [1-9]/m);
      stream.destroy();
    } finally {
      await app.close();
    }
  });
});
