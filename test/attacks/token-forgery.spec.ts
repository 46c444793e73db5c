import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, startApp, type TestApp } from '../support/app.ts';
import { claims, forge, seconds } from './forge.ts';
import { type Forgeries, keyInjections, unsigned, wrongClaims, wrongShapes } from './token-forgeries.ts';

describe.each(ANY_ADAPTER)('Where tokens are signed with a secret, %s refuses tokens', (adapter) => {
  let app: TestApp;
  let id: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = await app.waitingJob();
  });
  afterAll(() => app.close());

  /** Titles of those that are not answered with 401 on a plain route or on a stream. */
  async function accepted(forgeries: Forgeries): Promise<string[]> {
    const found: string[] = [];
    for (const [title, token] of forgeries) {
      for (const path of ['/jobs', `/jobs/${id}/events`]) {
        const headers = { authorization: `Bearer ${token}` };
        const { status, text } = await app.send(path, { method: 'HEAD', headers }, null);
        if (status !== 401 || text !== '') found.push(`${path} ${status}: ${title}`);
      }
    }
    return found;
  }

  it.each<[string, () => Forgeries]>([
    ['that nobody signed', unsigned],
    ['whose header names a key to trust', keyInjections],
    ['whose claims are missing, of another kind, or do not hold', wrongClaims],
    ['that were taken apart and put together again', wrongShapes],
  ])('%s', async (_title, make) => {
    const forgeries = make();

    expect(await accepted(forgeries)).toEqual([]);
    expect(forgeries.length).toBeGreaterThan(20);
  });

  it('of which no more than the signature is wrong, though the same with the right one is taken', async () => {
    expect((await app.get('/jobs', forge())).status).toBe(200);
    expect((await app.get('/jobs', forge({ alg: 'HS256', kid: 'any', jku: 'http://x.test/' }))).status).toBe(
      200,
    );
    expect(await accepted([['wrong', forge(undefined, claims(), 'x'.repeat(50))]])).toEqual([]);
  });

  it('a minute and more outside their time, and takes those that are a few seconds off', async () => {
    for (const off of [{ exp: seconds(-10) }, { nbf: seconds(10) }, { iat: seconds(10) }])
      expect((await app.get('/jobs', forge(undefined, claims(off)))).status).toBe(200);
    const outside = [{ exp: seconds(-61) }, { nbf: seconds(62) }, { iat: seconds(62) }];
    expect(
      await accepted(outside.map((off) => [JSON.stringify(off), forge(undefined, claims(off))])),
    ).toEqual([]);
  });

  it('of a megabyte, before they are looked at', async () => {
    for (const token of ['x'.repeat(1_000_000), forge(undefined, claims({ filler: 'x'.repeat(1_000_000) }))])
      // 431: Node itself takes no headers of this length.
      expect([401, 431]).toContain((await refusalOf(app, token)).status);
    expect((await app.get('/health/live', null)).status).toBe(200);
  });

  it('whose duplicate claims could mean two things: the last one counts, wherever it is read', async () => {
    const text = JSON.stringify(claims({ scope: 'jobs:read', sub: 'mallory' }));
    const twice = forge(undefined, text.replace('{', '{"sub":"alice","scope":"jobs:admin",'));

    expect((await app.get(`/jobs/${id}`, twice)).status).toBe(404);
    expect((await app.get('/api-keys', twice)).status).toBe(403);
  });
});

/** The server may close the connection while the header is still being written. */
async function refusalOf(app: TestApp, token: string): Promise<{ status: number }> {
  return app.get('/jobs', token).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return { status: 431 };
    throw error;
  });
}
