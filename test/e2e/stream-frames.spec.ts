import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, LATER, startApp, type TestApp } from '../support/app.ts';
import { cursorsOf, increases, type SseStream } from '../support/sse.ts';

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

describe.each(ANY_ADAPTER)('The frames of a stream on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter, environment: { STREAM_MAX_PER_CALLER: '100' } });
  });
  afterAll(() => app.close());

  it('answers 200 as an event stream that nobody caches or buffers', async () => {
    const stream = await app.stream(await app.waitingJob());

    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': expect.stringMatching(/no-store.*no-transform/),
      'x-accel-buffering': 'no',
    });
    stream.destroy();
  });

  it('sends the first frame within 100 ms', async () => {
    const id = await app.waitingJob();
    const opened = Date.now();

    const stream = await app.stream(id);
    const snapshot = await stream.untilEvent('snapshot');

    expect(snapshot.at - opened).toBeLessThan(100);
    stream.destroy();
  });

  it('begins with a snapshot of a waiting job, with a jittered retry', async () => {
    const id = await app.waitingJob();
    const streams = await Promise.all(Array.from({ length: 5 }, () => app.stream(id)));

    const snapshots = await Promise.all(streams.map((stream) => stream.untilEvent('snapshot')));

    const job = await app.job(id);
    for (const [index, snapshot] of snapshots.entries()) {
      expect(streams[index]?.frames[0]).toBe(snapshot);
      expect(snapshot.id).toBe('1.0');
      expect(snapshot.data).toStrictEqual({ job });
      expect(snapshot.retry).toBeGreaterThanOrEqual(2_000);
      expect(snapshot.retry).toBeLessThanOrEqual(4_000);
    }
    expect(new Set(snapshots.map(({ retry }) => retry)).size).toBeGreaterThan(1);
    for (const stream of streams) stream.destroy();
  });

  it('shows a job from the queue to its end in order, and closes', async () => {
    const id = await app.steps({ steps: 20, stepMs: 20 }, { runAt: LATER });
    const stream = await app.stream(id);
    await stream.untilEvent('snapshot');
    await app.makeDue(id);

    await stream.untilClosed();

    expect(increases(stream.events)).toBe(true);
    const [snapshot, claimed, ...rest] = stream.events;
    const end = rest.pop();
    expect(snapshot).toMatchObject({ event: 'snapshot', id: '1.0' });
    expect(claimed).toMatchObject({ event: 'state', id: '2.0' });
    expect(claimed?.data).toStrictEqual({
      status: 'active',
      version: 2,
      attempt: 1,
      reason: 'claimed',
      runAt: expect.stringMatching(ISO),
      at: expect.stringMatching(ISO),
    });
    expect(new Set(rest.map(({ event }) => event))).toEqual(new Set(['progress']));
    expect(end).toMatchObject({ event: 'end', id: '3.0' });
    expect(end?.data).toStrictEqual({ job: await app.job(id) });
    expect(stream.text.endsWith(`${end?.raw}\n\n`)).toBe(true);
  });

  it('shows progress that only grows, the newest of which arrives before the end', async () => {
    const stream = await app.stream(await app.steps({ steps: 200, stepMs: 2 }), '?after=0.0');

    await stream.untilClosed();

    const done = stream.of('progress').map(({ data }) => data?.progress?.done ?? -1);
    expect(done.at(-1)).toBe(200);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    // 400 ms at one frame each 20 ms: far fewer than 201 reports, far more than one.
    expect(done.length).toBeLessThan(100);
    expect(done.length).toBeGreaterThan(5);
    expect(stream.of('progress').at(-1)?.data).toStrictEqual({
      attempt: 1,
      progress: {
        percent: 100,
        done: 200,
        total: 200,
        unit: 'steps',
        step: 'working',
        message: 'step 200 of 200',
        data: null,
      },
      at: expect.stringMatching(ISO),
    });
  });

  describe('of jobs that end as soon as they begin', () => {
    let streams: SseStream[];
    beforeAll(async () => {
      const payload = { steps: 3, stepMs: 0, logEvery: 1 };
      const ids = await Promise.all(Array.from({ length: 40 }, () => app.steps(payload, { runAt: LATER })));
      streams = await Promise.all(ids.map((id) => app.stream(id, '?logs=1')));
      await Promise.all(streams.map((stream) => stream.untilEvent('snapshot')));
      await app.makeDue(...ids);
      await Promise.all(streams.map((stream) => stream.untilClosed()));
    });

    it('hold every status in order', () => {
      for (const stream of streams) {
        expect(increases(stream.events)).toBe(true);
        const statuses = stream.events.filter(({ id: cursor }) => cursor?.endsWith('.0'));
        expect(statuses.map(({ event }) => event)).toEqual(['snapshot', 'state', 'end']);
      }
    });

    it('hold the newest progress', () => {
      const newest = streams.map((stream) => stream.of('progress').at(-1)?.data?.progress?.done);

      expect(newest).toEqual(streams.map(() => 3));
    });

    it('hold every log line', () => {
      const lines = streams.map((stream) =>
        stream.of('log').flatMap(({ data }) => data?.lines?.map(({ n }) => n) ?? []),
      );

      expect(lines).toEqual(streams.map(() => [1, 2, 3]));
    });
  });

  it('shows every state of a job that fails, is retried and succeeds', async () => {
    const id = await app.steps({ steps: 3, stepMs: 5, failAtStep: 2, failAttempts: 1 });
    const stream = await app.stream(id, '?after=0.0');

    await stream.untilClosed();

    expect(increases(stream.events)).toBe(true);
    const states = stream
      .of('state')
      .map(({ id: cursor, data }) => [cursor, data?.status, data?.attempt, data?.reason]);
    expect(states).toEqual([
      ['1.0', 'queued', 0, 'submitted'],
      ['2.0', 'active', 1, 'claimed'],
      ['3.0', 'queued', 1, 'retry'],
      ['4.0', 'active', 2, 'claimed'],
    ]);
    const progress = stream.of('progress');
    for (const [index, [version]] of cursorsOf(progress).entries()) {
      expect(progress[index]?.data?.attempt).toBe(version === 2 ? 1 : 2);
    }
    expect(stream.events.at(-1)).toMatchObject({ event: 'end', id: '5.0' });
    expect(stream.events.at(-1)?.data?.job).toMatchObject({ status: 'completed', attempt: 2 });
  });

  it('sends only the end of a job that was final already', async () => {
    const id = await app.steps({ steps: 1, stepMs: 0 });
    await app.untilFinal(id);

    const stream = await app.stream(id);
    await stream.untilClosed();

    expect(stream.frames.map(({ event, id: cursor }) => [event, cursor])).toEqual([['end', '3.0']]);
  });

  it('snapshots a running job with its newest progress', async () => {
    const id = await app.runningJob();
    const stream = await app.stream(id);

    const snapshot = await stream.untilEvent('snapshot');
    await stream.untilEvent('progress');

    expect(snapshot.data?.job).toMatchObject({ status: 'active', version: 2, attempt: 1 });
    expect(increases(stream.events)).toBe(true);
    stream.destroy();
    await app.cancel(id);
  });

  it('carries log lines only when they are asked for', async () => {
    const id = await app.steps({ steps: 60, stepMs: 2, logEvery: 20 }, { runAt: LATER });
    const [withLogs, without] = await Promise.all([app.stream(id, '?logs=1'), app.stream(id)]);
    await Promise.all([withLogs, without].map((stream) => stream.untilEvent('snapshot')));
    await app.makeDue(id);

    await Promise.all([withLogs.untilClosed(), without.untilClosed()]);

    expect(without.of('log')).toEqual([]);
    expect(increases(withLogs.events)).toBe(true);
    const lines = withLogs.of('log').flatMap(({ data }) => data?.lines ?? []);
    expect(lines.map(({ n, text }) => `${n} ${text}`)).toEqual([
      '1 step 20 of 60 done',
      '2 step 40 of 60 done',
      '3 step 60 of 60 done',
    ]);
    expect(withLogs.of('log').map(({ data }) => data?.dropped)).toEqual(withLogs.of('log').map(() => 0));
    const stored = (await app.get(`/jobs/${id}/logs`)).json<{ lines: unknown }>();
    expect(stored.lines).toEqual(lines);
  });
});
