import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, startApp, type TestApp } from '../support/app.ts';
import { Relay } from '../support/relay.ts';
import { testRedis } from '../support/services.ts';
import { increases } from '../support/sse.ts';

const BACKSTOP_MS = 500;
/** What reading and sending may take on top of it. */
const SLACK_MS = 3_000;

/** The rows as a worker in another process leaves them; of its Redis messages none arrives. */
describe.each(ANY_ADAPTER)('A viewer whose Redis messages are all lost on %s', (adapter) => {
  let app: TestApp;
  let relay: Relay;
  beforeAll(async () => {
    const { url, prefix } = testRedis();
    relay = await Relay.to(url);
    const environment = {
      REDIS_URL: relay.url,
      JOBS_PREFIX: prefix,
      STREAM_BACKSTOP_MS: String(BACKSTOP_MS),
    };
    app = await startApp({ adapter, environment });
  });
  afterAll(async () => {
    await app.close();
    await relay.cut();
  });

  function claim(id: string): Promise<void> {
    return move(
      id,
      2,
      'claimed',
      `status = 'active', version = 2, attempt = 1, stage = NULL, worker = 'another',
       started_at = now(), lease_until = now() + interval '1 hour'`,
    );
  }

  async function report(id: string, tick: number, done: number): Promise<void> {
    const progress = { percent: done, done, total: 100, unit: null, step: null, message: null, data: null };
    await app.dataSource.query('UPDATE jobs.job SET progress = $2, progress_tick = $3 WHERE id = $1', [
      id,
      JSON.stringify(progress),
      tick,
    ]);
  }

  function complete(id: string): Promise<void> {
    return move(
      id,
      3,
      'completed',
      `status = 'completed', version = 3, worker = NULL, lease_until = NULL, finished_at = now()`,
    );
  }

  /** Row and history in one statement, as always: a backstop may read at any moment. */
  async function move(id: string, version: number, reason: string, set: string): Promise<void> {
    await app.dataSource.query(
      `WITH moved AS (UPDATE jobs.job SET ${set} WHERE id = $1 RETURNING status)
       INSERT INTO jobs.job_change (job_id, version, status, attempt, reason, run_at)
       SELECT $1, $2, status, 1, $3, now() FROM moved`,
      [id, version, reason],
    );
  }

  it('sees every change and the end within STREAM_BACKSTOP_MS', async () => {
    const id = await app.waitingJob();
    const stream = await app.stream(id);
    await stream.untilEvent('snapshot');

    const changed = Date.now();
    await claim(id);
    await complete(id);
    const end = await stream.untilEvent('end');

    expect(end.at - changed).toBeLessThan(BACKSTOP_MS + SLACK_MS);
    expect(stream.events.map(({ event, id: cursor }) => `${event} ${cursor}`)).toEqual([
      'snapshot 1.0',
      'state 2.0',
      'end 3.0',
    ]);
  });

  it('sees progress within STREAM_BACKSTOP_MS', async () => {
    const id = await app.waitingJob();
    const stream = await app.stream(id);
    await stream.untilEvent('snapshot');
    await claim(id);
    await stream.untilEvent('state');

    const changed = Date.now();
    await report(id, 7, 40);
    const progress = await stream.untilEvent('progress');

    expect(progress).toMatchObject({ id: '2.7', data: { attempt: 1, progress: { done: 40 } } });
    expect(progress.at - changed).toBeLessThan(BACKSTOP_MS + SLACK_MS);
    await complete(id);
    await stream.untilClosed();
    expect(increases(stream.events)).toBe(true);
  });

  it('sees the newest progress before the end, though the job has ended by the time it is read', async () => {
    const id = await app.waitingJob();
    const stream = await app.stream(id);
    await stream.untilEvent('snapshot');
    await claim(id);
    await stream.untilEvent('state');

    await report(id, 9, 100);
    await complete(id);
    await stream.untilClosed();

    expect(stream.events.map(({ event, id: cursor }) => `${event} ${cursor}`)).toEqual([
      'snapshot 1.0',
      'state 2.0',
      'progress 2.9',
      'end 3.0',
    ]);
  });

  it('sees every change as soon while Redis hangs, and is let in as ever', async () => {
    const [id, other] = [await app.waitingJob(), await app.waitingJob()];
    const stream = await app.stream(id);
    await stream.untilEvent('snapshot');

    relay.freeze();
    const changed = Date.now();
    await claim(id);
    const state = await stream.untilEvent('state');
    const later = await app.stream(other);
    const snapshot = await later.untilEvent('snapshot');

    expect(state.at - changed).toBeLessThan(BACKSTOP_MS + SLACK_MS);
    expect(snapshot.at - state.at).toBeLessThan(SLACK_MS);
    stream.destroy();
    later.destroy();
    relay.turnAway();
    relay.open();
  });
});
