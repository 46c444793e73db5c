import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ViewerTokens } from '../../src/access/viewer-tokens.ts';
import { JobNotFound, Jobs, JobsHealth, JobsModule } from '../../src/index.ts';
import { handler, TestModule } from '../support/module.ts';

const LATER = new Date('2100-01-01T00:00:00Z');
let host: TestModule;
let jobs: Jobs;

beforeAll(async () => {
  const providers = [handler('facade.work', () => null)];
  host = await TestModule.start({ providers, options: { publicPath: '/api' } });
  jobs = host.jobs;
});
afterAll(() => host.close());

const submit = (parts: object = {}, payload: unknown = { n: 1 }) =>
  jobs.submit('facade.work', payload, { tenant: 'acme', owner: 'ann', runAt: LATER, ...parts });

describe('The jobs of an application', () => {
  it('come with the links of the job, and with a token for it alone where that is asked for', async () => {
    const { job, links, viewer, replayed } = await submit();

    expect(replayed).toBe(false);
    expect(links).toEqual({ self: `/api/jobs/${job.id}`, events: `/api/jobs/${job.id}/events` });
    const { token } = await viewer();
    expect(await host.get(ViewerTokens).verify(token)).toMatchObject({
      tenant: 'acme',
      subject: 'ann',
      job: job.id,
    });
    expect((await jobs.viewerToken(job)).token).toMatch(/^jsv_/);
  });

  it('are, with the health, all that it can have injected', () => {
    expect(JobsModule.forRoot({ redis: 'redis://unused' }).exports).toEqual([Jobs, JobsHealth]);
  });

  it('are shown as the routes show them', async () => {
    const { job, links } = await submit();

    expect(jobs.view(job)).toMatchObject({ id: job.id, createdAt: job.createdAt.toISOString(), links });
  });

  it('are listed by tenant, owner, type, tag and status, newest first and page by page', async () => {
    const made: string[] = [];
    for (const owner of ['ann', 'bob', 'ann'])
      made.unshift((await submit({ tenant: 'lists', owner, tags: [owner] })).job.id);
    const [third, second, first] = made;
    const idsOf = async (options: Parameters<Jobs['list']>[0]) =>
      (await jobs.list({ tenant: 'lists', ...options })).map(({ id }) => id);

    expect(await idsOf({})).toEqual([third, second, first]);
    expect(await idsOf({ owner: 'ann' })).toEqual([third, first]);
    expect(await idsOf({ tag: ['bob'], status: ['queued'], type: ['facade.work'] })).toEqual([second]);
    expect(await idsOf({ limit: 2 })).toEqual([third, second]);
    expect(await idsOf({ limit: 2, before: second ?? '' })).toEqual([first]);
    expect(await idsOf({ status: ['failed'] })).toEqual([]);
  });

  it('of another tenant are not found where one is named', async () => {
    const { id } = (await submit()).job;
    const other = { tenant: 'other' };

    for (const refused of [
      jobs.get(id, other),
      jobs.payload(id, other),
      jobs.logs(id, other),
      jobs.cancel(id, other),
      jobs.retry(id, other),
    ])
      await expect(refused).rejects.toThrow(JobNotFound);
    const own = { tenant: 'acme' };
    expect(await jobs.payload(id, own)).toEqual({ n: 1 });
    expect(await jobs.logs(id, own)).toEqual([]);
    expect(await jobs.cancel(id, own)).toMatchObject({ status: 'cancelled' });
    expect(await jobs.retry(id, own)).toMatchObject({ status: 'queued' });
  });

  it.each([undefined, null, 7])('are of no tenant by mistake: %p', async (tenant) => {
    const { id } = (await submit()).job;
    const forgotten = { tenant } as unknown as { tenant: string };

    await expect(jobs.list(forgotten)).rejects.toThrow('leave it out');
    await expect(jobs.list({ owner: tenant } as never)).rejects.toThrow('leave it out');
    await expect(jobs.get(id, forgotten)).rejects.toThrow('leave it out');
    await expect(jobs.cancel(id, forgotten)).rejects.toThrow('leave it out');
  });

  it('are changed in the name of whoever asks', async () => {
    const { id } = (await submit()).job;
    await jobs.cancel(id, { actor: { tenant: null, subject: 'eve', credential: 'desk' } });
    await jobs.retry(id);

    const audit = `SELECT action, subject, credential FROM jobs.audit WHERE target_id = $1 ORDER BY id`;
    expect(await host.query(audit, [id])).toEqual([
      { action: 'submit', subject: 'ann', credential: 'application' },
      { action: 'cancel', subject: 'eve', credential: 'desk' },
      { action: 'retry', subject: 'system', credential: 'application' },
    ]);
  });
});
