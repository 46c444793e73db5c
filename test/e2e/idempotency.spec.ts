import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer } from '../support/http.ts';
import {
  ANY_ADAPTER,
  type Credential,
  LATER,
  startApp,
  type Submitted,
  type TestApp,
} from '../support/app.ts';

const PAYLOAD = { steps: 2, stepMs: 0 };

describe.each(ANY_ADAPTER)('The Idempotency-Key on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
  });
  afterAll(() => app.close());

  function submitWith(key: string, payload: object = PAYLOAD, as: Credential = {}): Promise<Answer> {
    const body = { type: 'demo.steps', payload, runAt: LATER };
    return app.send('/jobs', { method: 'POST', body, headers: { 'idempotency-key': key } }, as);
  }

  async function countJobs(): Promise<number> {
    const rows: { jobs: number }[] = await app.dataSource.query('SELECT count(*)::int AS jobs FROM jobs.job');
    return rows[0]?.jobs ?? 0;
  }

  it('makes one job of two equal requests, and marks the second as replayed', async () => {
    const first = await submitWith('same');
    const second = await submitWith('same');

    expect([first.status, second.status]).toEqual([202, 202]);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(second.json<Submitted>().job).toEqual(first.json<Submitted>().job);
    expect(second.headers.location).toBe(first.headers.location);
  });

  it('takes a payload with its keys in another order as the same', async () => {
    await submitWith('order', { steps: 2, stepMs: 0 });

    expect((await submitWith('order', { stepMs: 0, steps: 2 })).headers['idempotency-replayed']).toBe('true');
  });

  it('refuses another payload under a key that was used', async () => {
    await submitWith('taken');

    const answer = await submitWith('taken', { steps: 3, stepMs: 0 });

    expect(answer.status).toBe(422);
    expect(answer.json()).toMatchObject({ statusCode: 422, code: 'idempotency_mismatch' });
  });

  it('is a name within its tenant only', async () => {
    const ours = await submitWith('shared');
    const theirs = await submitWith('shared', PAYLOAD, { tenant: 'globex' });

    expect(theirs.status).toBe(202);
    expect(theirs.headers['idempotency-replayed']).toBeUndefined();
    expect(theirs.json<Submitted>().job.id).not.toBe(ours.json<Submitted>().job.id);
  });

  it('does not show the job of another owner of the tenant', async () => {
    const mine = await submitWith('mine');

    const answer = await submitWith('mine', PAYLOAD, { subject: 'bob' });

    expect([answer.status, answer.json()['code']]).toEqual([422, 'idempotency_mismatch']);
    expect(answer.text).not.toContain(mine.json<Submitted>().job.id);
  });

  it('makes one job of a hundred equal requests at once', async () => {
    const before = await countJobs();

    const answers = await Promise.all(Array.from({ length: 100 }, () => submitWith('hundred')));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.json<Submitted>().job.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === undefined)).toHaveLength(1);
    expect(await countJobs()).toBe(before + 1);
  });

  it('may have 255 printable characters, and no more', async () => {
    expect((await submitWith('k'.repeat(255))).status).toBe(202);

    const answer = await submitWith('k'.repeat(256));

    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      code: 'invalid_request',
      issues: [{ path: 'idempotencyKey', message: expect.any(String) }],
    });
  });
});
