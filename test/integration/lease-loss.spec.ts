import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { JobContext } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { handler, TestModule } from '../support/module.ts';

let modules: TestModule[] = [];
afterEach(async () => {
  // The first owns the database of all.
  for (const module of modules.toReversed()) await module.close();
  modules = [];
});

async function start(options: Parameters<typeof TestModule.start>[0]): Promise<TestModule> {
  const module = await TestModule.start(options);
  modules.push(module);
  return module;
}

/** A handler of which the test decides, attempt by attempt, when it ends. */
function heldHandler() {
  const attempts: { job: JobContext; end: (result: unknown) => void }[] = [];
  const run = (_payload: unknown, job: JobContext): Promise<unknown> =>
    new Promise((end) => attempts.push({ job, end }));
  const attempt = (number: number) =>
    eventually(
      () => {
        const found = attempts[number - 1];
        if (!found) throw new Error(`Attempt ${number} has not begun.`);
        return found;
      },
      { timeoutMs: 10_000 },
    );
  return { provider: handler('held', run), attempt };
}

/** What a worker that does not answer for long looks like: its lease has run out. */
async function loseLease(host: TestModule, id: string): Promise<void> {
  await host.query(
    `UPDATE jobs.job SET lease_until = now() - interval '1 s' WHERE id = $1 AND status = 'active'`,
    [id],
  );
}

describe('a job whose worker lost its lease', () => {
  it('is run anew, and nothing that the old handler still does shows', async () => {
    const held = heldHandler();
    // Long, so that the lease is not renewed before the sweeper sees that it ran out.
    const host = await start({ providers: [held.provider], options: { leaseMs: 60_000 } });
    const id = await host.submit('held');
    const old = await held.attempt(1);
    await loseLease(host, id);
    const current = await held.attempt(2);
    expect(current.job.attempt).toBe(2);

    old.job.log.info('stale');
    await eventually(() => {
      // Progress makes the worker talk to Postgres, which tells it that the job was taken away.
      old.job.progress({ done: 1, message: 'stale' });
      expect(old.job.signal.aborted).toBe(true);
    });
    expect(old.job.signal.reason).toMatchObject({
      message: expect.stringContaining('did not renew its lease'),
    });
    expect(current.job.signal.aborted).toBe(false);
    old.end('stale');

    current.job.log.info('true');
    current.job.progress({ done: 2, message: 'true' });
    current.end('true');
    expect(await host.untilStatus(id, 'completed')).toMatchObject({
      attempt: 2,
      version: 5,
      result: 'true',
      progress: { done: 2, message: 'true' },
    });
    expect((await host.jobs.logs(id)).map(({ text }) => text)).toEqual(['true']);
    expect(await host.history(id)).toEqual([
      'queued submitted',
      'active claimed',
      'queued lease_lost',
      'active claimed',
      'completed completed',
    ]);
  });

  it('keeps its lease for as long as its worker lives, however long the handler is silent', async () => {
    const held = heldHandler();
    const host = await start({ providers: [held.provider], options: { leaseMs: 1_000 } });
    const id = await host.submit('held');
    const { end } = await held.attempt(1);
    const renewals = new Set<string>();
    await eventually(
      async () => {
        const [row] = await host.query<{ until: string }>(
          'SELECT lease_until::text AS until FROM jobs.job WHERE id = $1',
          [id],
        );
        renewals.add(row?.until ?? '');
        expect(renewals.size).toBeGreaterThan(3);
      },
      { timeoutMs: 10_000 },
    );
    expect(await host.jobs.get(id)).toMatchObject({ status: 'active', version: 2 });
    end('done');
    await host.untilStatus(id, 'completed');
  });
});

describe('the shortest lease that the options allow', () => {
  it('is renewed in time, whenever between two renewals the job was claimed', async () => {
    const host = await start({
      providers: [handler('pauses', () => delay(2_500))],
      queues: { default: { concurrency: 50 } },
      options: { leaseMs: 1_000 },
    });
    const begin = Date.now();
    const ids = await Promise.all(
      Array.from({ length: 25 }, (_, n) => host.submit('pauses', {}, { runAt: new Date(begin + 80 * n) })),
    );
    for (const id of ids) await host.untilStatus(id, 'completed');
    const lost = await host.query(`SELECT job_id, version FROM jobs.job_change WHERE reason = 'lease_lost'`);
    expect(lost).toEqual([]);
  });
});

describe('a worker that shuts down', () => {
  it('gives back what does not end within its grace, for another worker at once', async () => {
    const first = await start({
      providers: [
        handler('work', async (_payload, job) => {
          await once(job.signal, 'abort');
          throw job.signal.reason;
        }),
      ],
    });
    const id = await first.submit('work', {}, { maxAttempts: 1 });
    await first.untilStatus(id, 'active');
    await first.stop();
    const second = await start({ beside: first, providers: [handler('work', () => 'done')] });
    expect(await second.untilStatus(id, 'completed')).toMatchObject({ result: 'done', attempt: 2 });
    expect(await second.history(id)).toEqual([
      'queued submitted',
      'active claimed',
      'queued shutdown',
      'active claimed',
      'completed completed',
    ]);
  });

  it('lets a job end that does so within its grace', async () => {
    const held = heldHandler();
    const host = await start({ providers: [held.provider], options: { shutdownGraceMs: 5_000 } });
    const id = await host.submit('held');
    const { job, end } = await held.attempt(1);
    const stopped = host.stop();
    end('in time');
    await stopped;
    expect(job.signal.aborted).toBe(false);
    const rows = await host.query('SELECT status, result FROM jobs.job WHERE id = $1', [id]);
    expect(rows).toEqual([{ status: 'completed', result: 'in time' }]);
  });
});
