import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';

describe.each(ANY_ADAPTER)('The counters of /metrics on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter, environment: { STREAM_MAX_PER_CALLER: '1' } });
  });
  afterAll(() => app.close());

  /** Every sample of our counters, by its name and label, without what is around. */
  async function counters(): Promise<Record<string, number>> {
    const { text } = await app.get('/metrics', null);
    const samples = text.matchAll(/^jobstream_(\w+)_total(?:\{\w+="(\w+)"\})? (\d+)$/gm);
    return Object.fromEntries(
      [...samples].map(([, name, label, value]) => [label ? `${name} ${label}` : name, Number(value)]),
    );
  }

  it('are all there from the start, but for labels that were not met', async () => {
    expect(await counters()).toEqual({
      submitted: 0,
      offered: 0,
      claimed: 0,
      progress_frames: 0,
      streams_opened: 0,
      backstop_hits: 0,
      publish_failures: 0,
      malformed_messages: 0,
    });
  });

  it('tell what became of jobs and streams', async () => {
    const id = await app.steps({ steps: 2, stepMs: 30 });
    await app.untilFinal(id);
    const cancelled = await app.waitingJob();
    await app.cancel(cancelled);
    await app.retry(cancelled);
    const running = await app.runningJob();
    await app.cancel(running);

    await eventually(async () => {
      expect(await counters()).toMatchObject({
        submitted: 3,
        claimed: 3,
        // Retried by hand, it is due at once.
        'settled completed': 2,
        'settled cancelled': 2,
        'requeued retried_by_hand': 1,
        streams_opened: 2,
        'streams_closed end': 1,
        'streams_closed left': 1,
      });
    });
    const { offered, progress_frames: frames } = await counters();
    expect(offered).toBeGreaterThanOrEqual(3);
    expect(frames).toBeGreaterThanOrEqual(2);
  });

  it('tell of each refusal once, whether a guard refused or a handler', async () => {
    const before = await counters();
    await app.get('/jobs', null);
    await app.get('/audit');
    await app.post('/jobs', { type: 'nobody.knows', payload: {} });
    await app.post('/tickets', {});
    await app.get('/jobs/no-such-job/events');
    const waiting = await app.waitingJob();
    const open = await app.stream(waiting);
    await open.untilEvent('snapshot');
    const refused = await app.get(`/jobs/${waiting}/events`);
    open.destroy();

    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '5']);
    const after = await counters();
    const grown = Object.entries(after).filter(
      ([name, value]) => name.startsWith('refused') && value > (before[name] ?? 0),
    );
    expect(Object.fromEntries(grown)).toEqual({
      'refused unauthorized': 1,
      'refused insufficient_scope': 1,
      'refused unknown_job_type': 1,
      'refused invalid_request': 1,
      'refused job_not_found': 1,
      'refused too_many_streams': 1,
    });
  });
});
