import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { ANY_ADAPTER, LATER, startApp, type TestApp } from '../support/app.ts';
import { JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, signToken } from '../support/tokens.ts';

const SUBMISSION = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };

/** A token with exactly these claims, which `signToken()` would complete. */
function signed(claims: JWTPayload, alg = 'HS256'): Promise<string> {
  const key = createSecretKey(Buffer.from(JWT_SECRET, 'utf8'));
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
}

function complete(): JWTPayload {
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  return { tenant: 'acme', sub: 'alice', scope: 'jobs:read', iss: JWT_ISSUER, aud: JWT_AUDIENCE, exp };
}

function without(claim: string): Promise<string> {
  return signed(Object.fromEntries(Object.entries(complete()).filter(([name]) => name !== claim)));
}

function tampered(token: string): string {
  const [header, , signature] = token.split('.');
  const claims = Buffer.from(JSON.stringify({ ...complete(), scope: 'jobs:admin' })).toString('base64url');
  return [header, claims, signature].join('.');
}

const REFUSED: [title: string, make: () => Promise<string>][] = [
  ['has expired', () => signToken({ expiresIn: -60 })],
  [
    'is signed with another secret',
    () => signToken({ secret: 'another secret of thirty-two bytes or more' }),
  ],
  ['is of another issuer', () => signToken({ issuer: 'https://other.test' })],
  ['is for another audience', () => signToken({ audience: 'other' })],
  ['is unsigned', () => Promise.resolve(new UnsecuredJWT(complete()).encode())],
  ['has lost its signature', async () => (await signToken()).replace(/[^.]*$/, '')],
  ['was changed after it was signed', async () => tampered(await signToken())],
  ['uses another algorithm of the same kind', () => signed(complete(), 'HS512')],
  [
    'uses an algorithm of another kind',
    () =>
      new SignJWT(complete())
        .setProtectedHeader({ alg: 'RS256' })
        .sign(generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey),
  ],
  ['never expires', () => without('exp')],
  ['names no subject', () => without('sub')],
  ['names no tenant', () => without('tenant')],
  ['names no issuer', () => without('iss')],
  ['names no audience', () => without('aud')],
  ['is not valid yet', () => signed({ ...complete(), nbf: Math.floor(Date.now() / 1_000) + 3_600 })],
  ['names a tenant with U+0000', () => signed({ ...complete(), tenant: 'ac\u0000me' })],
  ['names an empty tenant', () => signed({ ...complete(), tenant: '' })],
  ['names a tenant that is an object', () => signed({ ...complete(), tenant: { $ne: null } })],
  ['is garbage', () => Promise.resolve('garbage')],
  ['is 9 kB long', () => signed({ ...complete(), x: 'x'.repeat(9_000) })],
  ['poses as a viewer token', async () => `jsv_${await signToken()}`],
];

describe.each(ANY_ADAPTER)('Credentials on %s', (adapter) => {
  let app: TestApp;
  let id: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = await app.waitingJob();
  });
  afterAll(() => app.close());

  function everyRoute(): [method: string, path: string, body?: object][] {
    return [
      ['POST', '/jobs', SUBMISSION],
      ['GET', '/jobs'],
      ['GET', `/jobs/${id}`],
      ['GET', `/jobs/${id}/logs`],
      ['GET', `/jobs/${id}/events`],
      ['POST', `/jobs/${id}/cancel`],
      ['POST', `/jobs/${id}/retry`],
    ];
  }

  it.each(REFUSED)('answers 401 to a token that %s', async (_title, make) => {
    const token = await make();

    for (const path of [`/jobs/${id}`, `/jobs/${id}/events`]) {
      const answer = await app.send(path, { token });
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(answer.json()).toMatchObject({ statusCode: 401, error: 'Unauthorized', code: 'unauthorized' });
      expect(answer.text).not.toContain(token);
    }
  });

  it('answers 401 on every route without a token, before it looks at anything else', async () => {
    for (const [method, path, body] of everyRoute()) {
      const answer = await app.send(path, { method, body: body && { broken: true } }, null);
      expect([method, path, answer.status]).toEqual([method, path, 401]);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });

  it.each(['Basic YTpi', 'Bearer', 'Bearer ', 'Bearer a b', 'Token x', 'Bearer \u00e4'])(
    'answers 401 to the header "Authorization: %s"',
    async (authorization) => {
      const answer = await app.send(`/jobs/${id}`, { headers: { authorization } }, null);

      expect(answer.status).toBe(401);
    },
  );

  it('accepts no token in the URL', async () => {
    const token = await signToken();

    for (const name of ['token', 'access_token', 'authorization']) {
      expect((await app.get(`/jobs/${id}/events?${name}=${token}`, null)).status).toBe(401);
    }
  });

  it('answers 401 to a viewer token that was changed', async () => {
    const { viewer } = await app.submit(SUBMISSION);

    expect((await app.get('/jobs', viewer.token)).status).toBe(200);
    expect((await app.get('/jobs', viewer.token.slice(0, -2))).status).toBe(401);
    expect((await app.get('/jobs', viewer.token.replace('jsv_', ''))).status).toBe(401);
  });

  it('answers 403 on every route to a token without scopes', async () => {
    for (const [method, path, body] of everyRoute()) {
      const answer = await app.send(path, { method, body }, { scope: 'other:read' });
      expect([method, path, answer.status]).toEqual([method, path, 403]);
      expect(answer.json()).toMatchObject({
        statusCode: 403,
        error: 'Forbidden',
        code: 'insufficient_scope',
      });
    }
  });

  it('takes jobs:read for reading alone, and jobs:write for writing alone', async () => {
    const allowed = async (scope: string): Promise<string[]> => {
      const paths: string[] = [];
      for (const [method, path, body] of everyRoute()) {
        if (path.endsWith('/events')) continue;
        const answer = await app.send(path, { method, body }, { scope });
        if (answer.status !== 403) paths.push(`${method} ${path.replace(id, ':id')}`);
      }
      return paths;
    };

    expect(await allowed('jobs:read')).toEqual(['GET /jobs', 'GET /jobs/:id', 'GET /jobs/:id/logs']);
    expect(await allowed('jobs:write')).toEqual([
      'POST /jobs',
      'POST /jobs/:id/cancel',
      'POST /jobs/:id/retry',
    ]);
    expect((await app.get(`/jobs/${id}/events`, { scope: 'jobs:write' })).status).toBe(403);
  });

  it('shows health, metrics and the page to everybody, and nothing of a job in them', async () => {
    for (const path of ['/health/live', '/health/ready', '/metrics', '/openapi.json', '/']) {
      const answer = await app.get(path, null);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.text).not.toContain(id);
    }
  });
});
