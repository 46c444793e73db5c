import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, type Credential, LATER, startApp, type TestApp } from '../support/app.ts';
import type { Answer } from '../support/http.ts';
import type { Claims } from '../support/tokens.ts';

const SUBMISSION = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
const UNKNOWN = '00000000-0000-7000-8000-000000000000';
const READ_TENANT = 'jobs:read jobs:tenant';
const WRITE_TENANT = 'jobs:read jobs:write jobs:tenant';
const ADMIN = 'jobs:admin';

const ALICE: Claims = { tenant: 'acme', subject: 'alice' };
const BOB: Claims = { tenant: 'acme', subject: 'bob' };
/** The same name in another tenant. */
const OTHER_ALICE: Claims = { tenant: 'globex', subject: 'alice' };

const ROUTES: [method: string, suffix: string][] = [
  ['GET', ''],
  ['GET', '?include=payload'],
  ['GET', '/logs'],
  ['GET', '/logs?after=5'],
  ['GET', '/events'],
  ['GET', '/events?after=1.0'],
  ['GET', '/events?after=garbage'],
  ['HEAD', ''],
  ['HEAD', '/events'],
  ['POST', '/cancel'],
  ['POST', '/retry'],
];

describe.each(ANY_ADAPTER)('Who sees which jobs on %s', (adapter) => {
  let app: TestApp;
  let ofAlice: string;
  let ofBob: string;
  let ofOther: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    ofAlice = (await app.submit(SUBMISSION, ALICE)).job.id;
    ofBob = (await app.submit(SUBMISSION, BOB)).job.id;
    ofOther = (await app.submit(SUBMISSION, OTHER_ALICE)).job.id;
  });
  afterAll(() => app.close());

  async function listedBy(as: Credential, query = ''): Promise<string[]> {
    const { jobs } = (await app.get(`/jobs${query}`, as)).json<{ jobs: { id: string }[] }>();
    return jobs.map(({ id }) => id).toSorted();
  }

  function ids(...all: string[]): string[] {
    return all.toSorted();
  }

  async function followedBy(as: Credential, id: string): Promise<string | null | undefined> {
    const stream = await app.stream(id, '', {}, as);
    const snapshot = await stream.untilEvent('snapshot');
    stream.destroy();
    return snapshot.data?.job?.id;
  }

  it.each(ROUTES)(
    'answers %s /jobs/:id%s of a hidden job like that of an unknown one, byte for byte',
    async (method, suffix) => {
      const ask = async (id: string, as: Claims): Promise<object> =>
        comparable(await app.send(`/jobs/${id}${suffix}`, { method }, as));
      const unknown = await ask(UNKNOWN, ALICE);

      expect(unknown).toMatchObject({ status: 404 });
      expect(await ask(ofBob, ALICE)).toEqual(unknown);
      expect(await ask(ofOther, ALICE)).toEqual(unknown);
      expect(await ask(ofAlice, OTHER_ALICE)).toEqual(unknown);
      expect(await ask(ofAlice, { ...OTHER_ALICE, scope: WRITE_TENANT })).toEqual(unknown);
      expect(await ask('not-a-uuid', ALICE)).toEqual(unknown);
    },
  );

  it('leaves the jobs as they were of those who may not change them', async () => {
    for (const id of [ofAlice, ofBob, ofOther]) {
      const job = (await app.get(`/jobs/${id}`, { scope: ADMIN })).json();
      expect(job).toMatchObject({ id, status: 'queued', version: 1, cancelRequestedAt: null });
    }
  });

  it('lists to a caller the own jobs of the own tenant', async () => {
    expect(await listedBy(ALICE)).toEqual([ofAlice]);
    expect(await listedBy(BOB)).toEqual([ofBob]);
    expect(await listedBy(OTHER_ALICE)).toEqual([ofOther]);
    expect(await listedBy({ tenant: 'nobody' })).toEqual([]);
  });

  it('does not let a cursor or a filter widen the view', async () => {
    expect(await listedBy(ALICE, '?cursor=ffffffff-ffff-7fff-bfff-ffffffffffff')).toEqual([ofAlice]);
    expect(await listedBy(ALICE, '?status=queued&type=demo.steps&limit=100')).toEqual([ofAlice]);
    expect(await listedBy(ALICE, `?tenant=globex&owner=bob&id=${ofBob}`)).toEqual([ofAlice]);
  });

  it('shows with jobs:tenant all jobs of the tenant, and none of another', async () => {
    const reader = { ...BOB, scope: READ_TENANT };

    expect(await listedBy(reader)).toEqual(ids(ofAlice, ofBob));
    expect((await app.get(`/jobs/${ofAlice}`, reader)).json()).toMatchObject({ owner: 'alice' });
    expect((await app.get(`/jobs/${ofAlice}/logs`, reader)).status).toBe(200);
    expect(await followedBy(reader, ofAlice)).toBe(ofAlice);
    expect((await app.get(`/jobs/${ofOther}`, reader)).status).toBe(404);
  });

  it('needs jobs:write as well to change the jobs of the tenant', async () => {
    const { job } = await app.submit(SUBMISSION, ALICE);

    const refused = await app.cancel(job.id, { ...BOB, scope: READ_TENANT });
    const allowed = await app.cancel(job.id, { ...BOB, scope: WRITE_TENANT });

    expect([refused.status, refused.json()['code']]).toEqual([403, 'insufficient_scope']);
    expect(allowed.json()).toMatchObject({ status: 'cancelled', owner: 'alice' });
    expect((await app.retry(job.id, { ...BOB, scope: WRITE_TENANT })).status).toBe(202);
    await app.untilFinal(job.id);
  });

  it('shows and changes with jobs:admin the jobs of all tenants', async () => {
    const admin = { tenant: 'operations', subject: 'root', scope: ADMIN };
    const { job } = await app.submit(SUBMISSION, OTHER_ALICE);

    const listed = await listedBy(admin, '?status=queued');

    expect(listed).toEqual(expect.arrayContaining(ids(ofAlice, ofBob, ofOther, job.id)));
    expect(await followedBy(admin, ofOther)).toBe(ofOther);
    expect((await app.cancel(job.id, admin)).json()).toMatchObject({ status: 'cancelled', tenant: 'globex' });
  });

  it('takes the scope names as they are, without wildcards or parts of names', async () => {
    for (const scope of ['jobs:*', 'jobs', 'jobs:administrator', 'JOBS:ADMIN', 'jobs:read,jobs:admin', '*']) {
      expect([scope, (await app.get('/jobs', { ...BOB, scope })).status]).toEqual([scope, 403]);
    }
  });

  it('makes the caller the owner, whatever the body says', async () => {
    const answer = await app.post('/jobs', { ...SUBMISSION, tenant: 'globex', owner: 'bob' }, ALICE);

    expect(answer.status).toBe(400);
    expect((await app.submit(SUBMISSION, ALICE)).job).toMatchObject({ tenant: 'acme', owner: 'alice' });
  });
});

/** All of the answer that could tell one case from another. */
function comparable({ status, headers, text }: Answer): object {
  const { date: _date, ...rest } = headers;
  return { status, headers: rest, text };
}
