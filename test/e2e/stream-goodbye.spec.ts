import { describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp } from '../support/app.ts';
import { increases } from '../support/sse.ts';

describe.each(ADAPTERS)('Goodbyes that ask the client back on %s', (adapter) => {
  it('rotates an old stream with its cursor, and the next one goes on from there', async () => {
    const app = await startApp({ adapter, environment: { STREAM_MAX_AGE_MS: '1000' } });
    try {
      const id = await app.steps({ steps: 100, stepMs: 25 });
      const opened = Date.now();
      const first = await app.stream(id, '?after=0.0');
      await first.untilClosed();

      const bye = first.events.at(-1);
      expect(bye).toMatchObject({ event: 'bye', data: { reason: 'rotate', reconnect: true } });
      expect(bye?.id).toBe(first.events.at(-2)?.id);
      expect(bye?.retry).toBeGreaterThanOrEqual(2_000);
      expect(bye?.retry).toBeLessThanOrEqual(4_000);
      // 1 s less 15 %, or more 15 % and the tick of the clock that looks after it.
      const age = (bye?.at ?? 0) - opened;
      expect(age).toBeGreaterThanOrEqual(840);
      expect(age).toBeLessThan(1_800);

      const frames = first.events.slice(0, -1);
      let last = first;
      while (last.events.at(-1)?.event === 'bye') {
        last = await app.stream(id, '', { headers: { 'last-event-id': last.events.at(-1)?.id ?? '' } });
        await last.untilClosed();
        frames.push(...last.events.filter(({ event }) => event !== 'bye'));
      }
      expect(increases(frames)).toBe(true);
      expect(frames.at(-1)).toMatchObject({ event: 'end', id: '3.0' });
      expect(frames.filter(({ event }) => event === 'state')).toHaveLength(2);
    } finally {
      await app.close();
    }
  });

  it('drains its streams when it stops, and another process goes on from their cursors', async () => {
    const app = await startApp({ adapter });
    const other = await startApp({ adapter, beside: app });
    try {
      const running = await app.steps({ steps: 60, stepMs: 25 });
      const waiting = await app.waitingJob();
      const streams = await Promise.all([app.stream(running), app.stream(waiting), app.stream(waiting)]);
      await Promise.all(streams.map((stream) => stream.untilFrame(({ event }) => event !== null)));

      const stopped = app.stop();
      await Promise.all(streams.map((stream) => stream.untilClosed()));
      await stopped;

      for (const stream of streams) {
        const bye = stream.events.at(-1);
        expect(bye).toMatchObject({ event: 'bye', data: { reason: 'drain', reconnect: true } });
        expect(bye?.retry).toBeGreaterThanOrEqual(2_000);
        expect(bye?.id).toBe(stream.events.at(-2)?.id);
      }
      const [followed] = streams;
      const cursor = followed?.events.at(-1)?.id ?? '';
      const resumed = await other.stream(running, '', { headers: { 'last-event-id': cursor } });
      await resumed.untilClosed();
      expect(increases([...(followed?.events.slice(0, -1) ?? []), ...resumed.events])).toBe(true);
      expect(resumed.events.at(-1)?.data?.job).toMatchObject({ status: 'completed' });
      expect(resumed.of('snapshot')).toEqual([]);
    } finally {
      await other.close();
      await app.close();
    }
  });

  it('stops within its grace though streams are open and a job runs', async () => {
    const app = await startApp({ adapter, environment: { SHUTDOWN_GRACE_MS: '500' } });
    try {
      const id = await app.runningJob();
      await Promise.all(Array.from({ length: 20 }, () => app.stream(id)));

      const started = Date.now();
      await app.stop();

      expect(Date.now() - started).toBeLessThan(3_000);
      const [job] = await app.dataSource.query<{ status: string; version: number }[]>(
        'SELECT status, version FROM jobs.job WHERE id = $1',
        [id],
      );
      expect(job).toEqual({ status: 'queued', version: 3 });
    } finally {
      await app.close();
    }
  });
});
