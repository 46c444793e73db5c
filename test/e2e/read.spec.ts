import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobView } from '../../src/job/job.ts';
import { ANY_ADAPTER, startApp, type TestApp } from '../support/app.ts';

interface Page {
  jobs: JobView[];
  nextCursor: string | null;
}
interface Logs {
  lines: { n: number; level: string; text: string; at: string }[];
  next: number;
}

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

describe.each(ANY_ADAPTER)('Reading jobs on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
  });
  afterAll(() => app.close());

  describe('GET /jobs/:id', () => {
    it('answers the job without its payload', async () => {
      const { job } = await app.submit({
        type: 'demo.steps',
        payload: { steps: 1, stepMs: 0 },
        runAt: '2100-01-01T00:00:00Z',
      });

      const answer = await app.get(`/jobs/${job.id}`);

      expect(answer.status).toBe(200);
      expect(answer.json()).toStrictEqual({ ...job });
    });

    it('answers the payload only when it is asked for', async () => {
      const id = await app.waitingJob();

      const asked = await app.get(`/jobs/${id}?include=payload`);

      expect(asked.json()).toMatchObject({ id, payload: { steps: 1, stepMs: 0 } });
      expect((await app.get(`/jobs/${id}?include=result`)).json()).not.toHaveProperty('payload');
      expect((await app.get('/jobs')).text).not.toContain('"payload"');
    });

    it('knows an id in capital letters', async () => {
      const id = await app.waitingJob();

      expect((await app.get(`/jobs/${id.toUpperCase()}`)).json()).toMatchObject({ id });
    });
  });

  describe('GET /jobs', () => {
    const tenant = 'list';
    let ids: string[];

    async function page(query = ''): Promise<Page> {
      const answer = await app.get(`/jobs${query}`, { tenant });
      expect(answer.status).toBe(200);
      return answer.json<Page>();
    }
    async function idsOf(query: string): Promise<string[]> {
      return (await page(query)).jobs.map(({ id }) => id);
    }

    beforeAll(async () => {
      ids = [];
      for (const tags of [['a'], ['b'], ['a', 'b'], ['c'], []]) {
        const body = {
          type: 'demo.steps',
          payload: { steps: 1, stepMs: 0 },
          runAt: '2100-01-01T00:00:00Z',
          tags,
        };
        ids.push((await app.submit(body, { tenant })).job.id);
      }
      const [, , , cancelled = ''] = ids;
      await app.cancel(cancelled, { tenant });
    });

    it('answers the newest jobs first', async () => {
      const { jobs, nextCursor } = await page();

      expect(jobs.map(({ id }) => id)).toEqual(ids.toReversed());
      expect(nextCursor).toBeNull();
    });

    it('filters by status, type and tag, each of which may be given more than once', async () => {
      const [one, two, both, cancelled, untagged] = ids;

      expect(await idsOf('?status=cancelled')).toEqual([cancelled]);
      expect(await idsOf('?status=queued')).toEqual([untagged, both, two, one]);
      expect(await idsOf('?status=cancelled&status=queued')).toEqual(ids.toReversed());
      expect(await idsOf('?status=completed')).toEqual([]);
      expect(await idsOf('?tag=a')).toEqual([both, one]);
      expect(await idsOf('?tag=a&tag=c')).toEqual([cancelled, both, one]);
      expect(await idsOf('?tag=a&status=cancelled')).toEqual([]);
      expect(await idsOf('?type=demo.steps')).toHaveLength(5);
      expect(await idsOf('?type=csv.import')).toEqual([]);
    });

    it('pages through all jobs without a repeat or a gap, while new ones are made', async () => {
      const seen: string[] = [];
      let cursor: string | null = '';
      let pages = 0;
      while (cursor !== null) {
        const { jobs, nextCursor }: Page = await page(
          `?limit=2${cursor && `&cursor=${cursor}`}&tag=a&tag=b&tag=c`,
        );
        seen.push(...jobs.map(({ id }) => id));
        cursor = nextCursor;
        pages += 1;
        const body = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: '2100-01-01T00:00:00Z' };
        if (pages === 1) await app.submit({ ...body, tags: ['a'] }, { tenant, subject: 'alice' });
      }

      expect(seen).toEqual(ids.slice(0, 4).toReversed());
      expect(pages).toBe(2);
    });
  });

  describe('GET /jobs/:id/logs', () => {
    it('answers numbered lines, from any line on', async () => {
      const id = await app.steps({ steps: 6, stepMs: 1, logEvery: 2 });
      await app.untilFinal(id);

      const all = (await app.get(`/jobs/${id}/logs`)).json<Logs>();

      expect(all.lines).toStrictEqual(
        [2, 4, 6].map((step, index) => ({
          n: index + 1,
          level: 'info',
          text: `step ${step} of 6 done`,
          at: expect.stringMatching(ISO),
        })),
      );
      expect(all.next).toBe(3);
      const rest = (await app.get(`/jobs/${id}/logs?after=2`)).json<Logs>();
      expect(rest).toEqual({ lines: all.lines.slice(2), next: 3 });
      expect((await app.get(`/jobs/${id}/logs?after=3`)).json<Logs>()).toEqual({ lines: [], next: 3 });
    });

    it('keeps counting over the attempts of a job', async () => {
      const id = await app.steps({ steps: 2, stepMs: 0, logEvery: 1, failAtStep: 2, failAttempts: 1 });
      await app.untilFinal(id);

      const { lines } = (await app.get(`/jobs/${id}/logs`)).json<Logs>();

      expect(lines.map(({ n, text }) => `${n} ${text}`)).toEqual([
        '1 step 1 of 2 done',
        '2 step 1 of 2 done',
        '3 step 2 of 2 done',
      ]);
    });
  });
});
