import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, startApp, type TestApp } from '../support/app.ts';
import { increases, type SseStream } from '../support/sse.ts';

/** A job whose first attempt fails, so that its stream has states on both sides of a resume: versions 1 to 5. */
const RETRIED = { steps: 10, stepMs: 5, failAtStep: 5, failAttempts: 1 };

describe.each(ANY_ADAPTER)('Resuming a stream on %s', (adapter) => {
  let app: TestApp;
  /** A job that has ended as `RETRIED` does. */
  let ended: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    ended = await app.steps(RETRIED);
    await app.untilFinal(ended);
  });
  afterAll(() => app.close());

  /** Event names and ids of a stream that ends by itself. */
  async function wholeStream(id: string, query: string, lastEventId?: string): Promise<string[]> {
    return namesOf(await closedStream(id, query, lastEventId));
  }

  async function closedStream(id: string, query: string, lastEventId?: string): Promise<SseStream> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const stream = await app.stream(id, query, { headers });
    await stream.untilClosed();
    return stream;
  }

  function namesOf({ events }: SseStream): string[] {
    return events.map(({ event, id }) => `${event} ${event === 'progress' ? '' : id}`.trim());
  }

  it('replays every state from the cursor 0.0 on', async () => {
    const stream = await closedStream(ended, '?after=0.0');

    expect(namesOf(stream)).toEqual([
      'state 1.0',
      'state 2.0',
      'state 3.0',
      'state 4.0',
      'progress',
      'end 5.0',
    ]);
    expect(increases(stream.events)).toBe(true);
    expect(stream.of('state').map(({ data }) => data?.status)).toEqual([
      'queued',
      'active',
      'queued',
      'active',
    ]);
    expect(stream.of('progress')[0]?.data?.progress?.done).toBe(10);
  });

  it('replays what comes after the cursor, and nothing at or before it', async () => {
    expect(await wholeStream(ended, '?after=1.0')).toEqual([
      'state 2.0',
      'state 3.0',
      'state 4.0',
      'progress',
      'end 5.0',
    ]);
    expect(await wholeStream(ended, '?after=2.1')).toEqual(['state 3.0', 'state 4.0', 'progress', 'end 5.0']);
    expect(await wholeStream(ended, '?after=4.0')).toEqual(['progress', 'end 5.0']);
  });

  it('does not send progress again that the cursor has', async () => {
    const { id: newest } = (await closedStream(ended, '?after=4.0')).of('progress')[0] ?? {};

    expect(await wholeStream(ended, `?after=${newest}`)).toEqual(['end 5.0']);
  });

  it('takes the cursor from the Last-Event-ID header as well', async () => {
    expect(await wholeStream(ended, '', '3.0')).toEqual(['state 4.0', 'progress', 'end 5.0']);
  });

  it('believes the header where both are given', async () => {
    expect(await wholeStream(ended, '?after=1.0', '3.0')).toEqual(['state 4.0', 'progress', 'end 5.0']);
    expect(await wholeStream(ended, '?after=3.0', '')).toEqual(['state 4.0', 'progress', 'end 5.0']);
  });

  it('answers 204 to a client that has the end, by header or by query', async () => {
    for (const request of [
      { query: '?after=5.0', headers: {} },
      { query: '', headers: { 'last-event-id': '5.0' } },
    ]) {
      const answer = await app.send(`/jobs/${ended}/events${request.query}`, { headers: request.headers });
      expect([answer.status, answer.text]).toEqual([204, '']);
    }
  });

  it.each(['garbage', '1', '-1.0', '01.0', '1.0.0', '1,0', '99999999999.0', '1.0 '])(
    'resets a final job from the malformed cursor "%s", and sends its end',
    async (cursor) => {
      const stream = await closedStream(ended, `?after=${encodeURIComponent(cursor)}`);

      expect(namesOf(stream)).toEqual(['reset 0.0', 'end 5.0']);
      expect(stream.of('reset')[0]?.data).toEqual({ reason: 'malformed_cursor' });
    },
  );

  it.each(['5.1', '6.0', '9999999999.0', '5.999999999999999'])(
    'resets a final job from the cursor %s, which it has not reached, and sends its end',
    async (cursor) => {
      const stream = await closedStream(ended, `?after=${cursor}`);

      expect(namesOf(stream)).toEqual(['reset 0.0', 'end 5.0']);
      expect(stream.of('reset')[0]?.data).toEqual({ reason: 'unknown_cursor' });
    },
  );

  it.each(['garbage', '2.0', '1.1'])('resets a waiting job from %s, and sends a snapshot', async (cursor) => {
    const stream = await app.stream(await app.waitingJob(), `?after=${cursor}`);
    await stream.untilEvent('snapshot');

    expect(namesOf(stream)).toEqual(['reset 0.0', 'snapshot 1.0']);
    stream.destroy();
  });

  it('sends a waiting job nothing that its viewer has', async () => {
    const id = await app.waitingJob();
    const stream = await app.stream(id, '?after=1.0');

    await app.cancel(id);
    await stream.untilClosed();

    expect(namesOf(stream)).toEqual(['end 2.0']);
  });

  it('loses and repeats nothing for a viewer that leaves and comes back all the time', async () => {
    const id = await app.steps({ steps: 120, stepMs: 20, failAtStep: 60, failAttempts: 1 });
    const seen: SseStream[] = [];
    let cursor = '0.0';
    while (!cursor.startsWith('5.')) {
      const stream = await app.stream(id, '', { headers: { 'last-event-id': cursor } });
      seen.push(stream);
      await stream.untilFrame(({ id: at }) => at !== null);
      cursor = stream.events.at(-1)?.id ?? cursor;
      stream.destroy();
    }

    // What came after the cursor was read is not known to the client, so the next stream may send it again.
    const frames = seen.flatMap((stream, index) => {
      const next = seen[index + 1]?.events[0];
      const last = stream.events.findIndex((frame) => frame.id === next?.id);
      return last < 0 ? stream.events : stream.events.slice(0, last);
    });
    expect(seen.length).toBeGreaterThan(20);
    expect(increases(frames)).toBe(true);
    const statuses = frames.filter(({ event }) => event !== 'progress');
    expect(statuses.map(({ event, id: at }) => `${event} ${at}`)).toEqual([
      'state 1.0',
      'state 2.0',
      'state 3.0',
      'state 4.0',
      'end 5.0',
    ]);
  });

  it('goes on after a retry by hand for a viewer that has the old end', async () => {
    const id = await app.steps({ steps: 2, stepMs: 0, failAtStep: 1, failAttempts: 1, permanent: true });
    const first = await app.stream(id, '?after=0.0');
    await first.untilClosed();
    expect(first.events.at(-1)).toMatchObject({ event: 'end', id: '3.0' });
    await app.retry(id);

    const stream = await app.stream(id, '', { headers: { 'last-event-id': '3.0' } });
    await stream.untilClosed();

    expect(namesOf(stream).filter((name) => name !== 'progress')).toEqual([
      'state 4.0',
      'state 5.0',
      'end 6.0',
    ]);
    expect(stream.of('state').map(({ data }) => data?.reason)).toEqual(['retried_by_hand', 'claimed']);
    expect(stream.events.at(-1)?.data?.job).toMatchObject({ status: 'completed', attempt: 2 });
  });

  it('replays a final status that was undone by a retry by hand as a state', async () => {
    const id = await app.waitingJob();
    await app.cancel(id);
    await app.retry(id);
    await app.untilFinal(id);

    const stream = await closedStream(id, '?after=1.0');

    expect(namesOf(stream)).toEqual(['state 2.0', 'state 3.0', 'state 4.0', 'progress', 'end 5.0']);
    expect(stream.of('state')[0]?.data).toMatchObject({ status: 'cancelled', version: 2 });
    expect((await app.send(`/jobs/${id}/events?after=2.0`)).status).toBe(200);
  });
});
