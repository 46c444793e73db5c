import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type JobContext, JobFinal, JobNotRetryable, PermanentFailure } from '../../src/index.ts';
import { EVERYTHING } from '../../src/job/visibility.ts';
import { JobLeases } from '../../src/store/job-leases.ts';
import { eventually } from '../support/eventually.ts';
import { handler, TestModule } from '../support/module.ts';

let host: TestModule;
/** Contexts of every attempt, by job. */
const attempts = new Map<string, JobContext[]>();
/** Lets the handler `stubborn` end. */
const ends = new Map<string, () => void>();
let accepts = true;

function note(job: JobContext): JobContext {
  attempts.set(job.id, [...(attempts.get(job.id) ?? []), job]);
  return job;
}

/** Fails until the given attempt. */
function flaky(payload: unknown, job: JobContext): string {
  note(job);
  if (job.attempt < (payload as { succeedsAt: number }).succeedsAt)
    throw new Error(`attempt ${job.attempt} failed`);
  return `attempt ${job.attempt}`;
}

async function untilAborted(_payload: unknown, job: JobContext): Promise<void> {
  note(job);
  await once(job.signal, 'abort');
  throw job.signal.reason;
}

const providers = [
  handler('flaky', flaky, { backoff: (attempt) => attempt * 30 }),
  handler('permanent', () => {
    throw new PermanentFailure('no such file', { code: 'no_such_file' });
  }),
  handler('waits', untilAborted),
  handler('slow', untilAborted, { timeoutMs: 50, attempts: 2, backoff: () => 0 }),
  handler('stubborn', (_payload, job) => new Promise<void>((resolve) => ends.set(note(job).id, resolve)), {
    queue: 'single',
  }),
  handler('after', (_payload, job) => void note(job), { queue: 'single' }),
  handler('result', (payload) => (payload === 'bigint' ? 1n : payload === 'function' ? () => 1 : payload)),
  handler('checked', () => 'ran', {
    schema: z.unknown().refine(() => accepts, { message: 'not any more', path: ['a', 0] }),
  }),
  handler('checked-twice', () => 'ran', {
    schema: z
      .unknown()
      .refine(() => accepts, 'not any more')
      .refine(() => accepts, { message: 'nor this', path: ['b'] }),
  }),
  handler('fetches', () => fetch('http://127.0.0.1:65000'), { attempts: 1 }),
  handler(
    'throws-revoked',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      // oxlint-disable-next-line typescript/only-throw-error -- handlers throw what they like
      throw proxy;
    },
    { attempts: 1 },
  ),
  // oxlint-disable-next-line typescript/only-throw-error -- handlers throw what they like
  handler(
    'throws',
    () => {
      throw Object.create(null);
    },
    { attempts: 1 },
  ),
];

beforeAll(async () => {
  host = await TestModule.start({
    providers,
    queues: { default: { concurrency: 20 }, single: { concurrency: 1 } },
    // Long, so that a cancel must come through Redis; the renewal would be minutes late.
    options: { leaseMs: 600_000 },
  });
});
afterAll(() => host.close());

const running = (id: string): Promise<JobContext> =>
  eventually(() => {
    const context = attempts.get(id)?.at(-1);
    if (!context) throw new Error(`Job ${id} has not been started.`);
    return context;
  });

describe('an attempt that fails', () => {
  it('is followed by another after the backoff, until one succeeds', async () => {
    const id = await host.submit('flaky', { succeedsAt: 3 });
    const job = await host.untilStatus(id, 'completed');
    expect(job).toMatchObject({ attempt: 3, version: 7, result: 'attempt 3', error: null });
    expect(await host.history(id)).toEqual([
      'queued submitted',
      'active claimed',
      'queued retry',
      'active claimed',
      'queued retry',
      'active claimed',
      'completed completed',
    ]);
    const waits = await host.query<{ ms: string }>(
      `SELECT extract(epoch FROM run_at - at) * 1000 AS ms FROM jobs.job_change WHERE job_id = $1 AND reason = 'retry' ORDER BY version`,
      [id],
    );
    expect(waits.map(({ ms }) => Number(ms))).toEqual([30, 60]);
  });

  it('fails the job with its code and message when every attempt is used up', async () => {
    const id = await host.submit('flaky', { succeedsAt: 9 }, { maxAttempts: 2 });
    expect(await host.untilStatus(id, 'failed')).toMatchObject({
      attempt: 2,
      version: 5,
      result: null,
      error: { code: 'handler_error', message: 'attempt 2 failed' },
    });
    expect((await host.history(id)).at(-1)).toBe('failed handler_error');
  });

  it('fails the job at once when the failure is permanent', async () => {
    const id = await host.submit('permanent');
    expect(await host.untilStatus(id, 'failed')).toMatchObject({
      attempt: 1,
      error: { code: 'no_such_file', message: 'no such file' },
    });
  });

  it('fails the job with a code of ours whatever was thrown', async () => {
    const id = await host.submit('throws');
    expect(await host.untilStatus(id, 'failed')).toMatchObject({
      attempt: 1,
      error: { code: 'handler_error' },
    });
  });

  it('fails the job with what caused its error', async () => {
    const id = await host.submit('fetches');
    expect(await host.untilStatus(id, 'failed')).toMatchObject({
      error: { code: 'handler_error', message: 'fetch failed: connect ECONNREFUSED 127.0.0.1:65000' },
    });
  });

  it('fails the job though what was thrown cannot even be looked at', async () => {
    const id = await host.submit('throws-revoked');
    expect(await host.untilStatus(id, 'failed')).toMatchObject({
      error: { code: 'handler_error', message: 'A thrown object without a message' },
    });
  });

  it('can be tried again by hand', async () => {
    const id = await host.submit('flaky', { succeedsAt: 2 }, { maxAttempts: 1 });
    await host.untilStatus(id, 'failed');
    expect(await host.jobs.retry(id)).toMatchObject({ status: 'queued', maxAttempts: 2 });
    expect(await host.untilStatus(id, 'completed')).toMatchObject({ attempt: 2, result: 'attempt 2' });
    await expect(host.jobs.retry(id)).rejects.toThrow(JobNotRetryable);
  });

  it('for the payload is final, when the schema has changed since it was submitted', async () => {
    const id = await host.submit('checked', {}, { runAt: new Date(Date.now() + 300) });
    accepts = false;
    try {
      expect(await host.untilStatus(id, 'failed')).toMatchObject({
        attempt: 1,
        error: { code: 'invalid_payload', message: 'The payload does not fit: a.0 not any more' },
      });
    } finally {
      accepts = true;
    }
  });

  it('for the payload says how much more does not fit', async () => {
    const id = await host.submit('checked-twice', {}, { runAt: new Date(Date.now() + 300) });
    accepts = false;
    try {
      expect((await host.untilStatus(id, 'failed')).error?.message).toBe(
        'The payload does not fit: not any more (and 1 more)',
      );
    } finally {
      accepts = true;
    }
  });
});

describe('an attempt that takes too long', () => {
  it('is aborted with the reason and tried again, until every attempt is used up', async () => {
    const id = await host.submit('slow');
    expect(await host.untilStatus(id, 'failed')).toMatchObject({
      attempt: 2,
      error: { code: 'timeout', message: 'The attempt took longer than 50 ms.' },
    });
    for (const { signal } of attempts.get(id) ?? [])
      expect(signal.reason).toMatchObject({ message: 'The attempt took longer than its handler allows.' });
  });
});

describe('a result', () => {
  it.each([[null], [0], [''], [[1, 'a']], [{ rows: { ok: 1 } }], ['\u0001\\u0000']])(
    'is kept: %j',
    async (value) => {
      const id = await host.submit('result', value);
      expect((await host.untilStatus(id, 'completed')).result).toEqual(value);
    },
  );

  it.each(['bigint', 'function'])(
    'that is a %s fails the job at once, as trying again would not help',
    async (kind) => {
      const id = await host.submit('result', kind);
      expect(await host.untilStatus(id, 'failed')).toMatchObject({
        attempt: 1,
        result: null,
        error: { code: 'invalid_result' },
      });
    },
  );
});

describe('a cancel', () => {
  it('reaches a running job through Redis and aborts it', async () => {
    const id = await host.submit('waits');
    const { signal } = await running(id);
    const asked = await host.jobs.cancel(id);
    expect(asked).toMatchObject({ status: 'active' });
    expect(asked.cancelRequestedAt).not.toBeNull();
    expect(await host.untilStatus(id, 'cancelled')).toMatchObject({ attempt: 1, version: 3, error: null });
    expect(signal.reason).toMatchObject({ message: 'The job was cancelled.' });
    await expect(host.jobs.cancel(id)).rejects.toThrow(JobFinal);
  });

  it('of a job that waits is done at once, and it never runs', async () => {
    const id = await host.submit('waits', {}, { runAt: new Date(Date.now() + 200) });
    expect(await host.jobs.cancel(id)).toMatchObject({ status: 'cancelled', version: 2, attempt: 0 });
    await host.untilStatus(
      await host.submit('result', 1, { runAt: new Date(Date.now() + 250) }),
      'completed',
    );
    expect(attempts.has(id)).toBe(false);
  });

  it('overrules a handler that goes on, whose slot stays taken until it has ended', async () => {
    const id = await host.submit('stubborn');
    await running(id);
    const next = await host.submit('after');
    await host.jobs.cancel(id);
    expect(await host.untilStatus(id, 'cancelled')).toMatchObject({ version: 3 });
    // Other slots work on, this one does not.
    await host.untilStatus(await host.submit('result', 1), 'completed');
    expect(await host.jobs.get(next)).toMatchObject({ status: 'queued' });
    ends.get(id)?.();
    await host.untilStatus(next, 'completed');
    expect(await host.jobs.get(id)).toMatchObject({ status: 'cancelled', version: 3 });
  });
});

describe('a cancel that Redis lost', () => {
  it('is read with the next renewal of the lease', async () => {
    const other = await TestModule.start({
      providers: [handler('waits', untilAborted)],
      options: { leaseMs: 1_000 },
    });
    try {
      const id = await other.submit('waits');
      await running(id);
      await other.get(JobLeases).requestCancel(id, EVERYTHING);
      expect(await other.untilStatus(id, 'cancelled')).toMatchObject({ version: 3 });
    } finally {
      await other.close();
    }
  });
});
