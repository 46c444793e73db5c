import { createSecretKey } from 'node:crypto';
import { SignJWT } from 'jose';
import type { TestApp } from '../../support/app.ts';
import { JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET } from '../../support/tokens.ts';
import { cookieFor, mint, ticketFor, viewerClaims } from '../minted.ts';
import type { Holder } from './rules.ts';

/** One way to come to a route. */
export interface Credential {
  name: string;
  /** Who it stands for; null where it must be worth nothing. */
  holder: Holder | null;
  headers: Record<string, string>;
  /** Beginning with `&`. */
  query: string;
  /** A ticket or a cookie is for one stream, that of a job or `feed`; null for a bearer token. */
  opens: { stream: string; by: 'ticket' | 'cookie' } | null;
}

export interface OwnedJob {
  id: string;
  tenant: string;
  owner: string;
  viewer: string;
}

const SCOPES = ['jobs:read', 'jobs:write', 'jobs:tenant', 'jobs:admin'];
/** All sets of scopes, and what is none though it looks like one. */
const SETS = Array.from({ length: 2 ** SCOPES.length }, (_, bits) =>
  SCOPES.filter((_scope, index) => bits & (1 << index)),
);
const LOOKALIKES = ['jobs:*', 'JOBS:ADMIN', 'jobs:read,jobs:admin', 'jobs:administrator', 'admin'];
const ADMIN = { tenant: 'operators', subject: 'root', scope: 'jobs:admin' };
const ALICE = { tenant: 'acme', subject: 'alice' };

export async function everyCredential(app: TestApp, jobs: readonly OwnedJob[]): Promise<Credential[]> {
  return [
    { name: 'nothing', holder: null, headers: {}, query: '', opens: null },
    ...(await jwts(app)),
    ...(await apiKeys(app)),
    ...jobs.map(({ id, tenant, owner, viewer }) =>
      bearer(`viewer token of ${owner} of ${tenant}`, viewer, {
        tenant,
        subject: owner,
        scopes: ['jobs:read'],
        only: id,
      }),
    ),
    ...(await streamCredentials(app, jobs)),
    ...(await worthless(app, jobs[0] as OwnedJob)),
  ];
}

function bearer(name: string, token: string, holder: Holder | null): Credential {
  return { name, holder, headers: { authorization: `Bearer ${token}` }, query: '', opens: null };
}

async function jwts(app: TestApp): Promise<Credential[]> {
  const people = [
    ...SETS.map((scopes) => ({ ...ALICE, scopes })),
    ...LOOKALIKES.map((scope) => ({ ...ALICE, scopes: [scope] })),
    // The same name in another tenant, and another name in the same.
    { tenant: 'globex', subject: 'alice', scopes: ['jobs:read', 'jobs:write', 'jobs:tenant'] },
    { tenant: 'acme', subject: 'mallory', scopes: ['jobs:read', 'jobs:write'] },
    { tenant: 'nowhere', subject: 'alice', scopes: ['jobs:read', 'jobs:write', 'jobs:tenant'] },
  ];
  return Promise.all(
    people.map(async ({ tenant, subject, scopes }) => {
      const token = await app.token({ tenant, subject, scope: scopes.join(' ') });
      return bearer(`JWT of ${subject} of ${tenant} with "${scopes.join(' ')}"`, token, {
        tenant,
        subject,
        scopes,
        only: null,
      });
    }),
  );
}

async function makeKey(app: TestApp, scopes: string[]): Promise<{ id: string; key: string }> {
  const answer = await app.post('/api-keys', { name: 'matrix', ...ALICE, scopes }, ADMIN);
  if (answer.status !== 201) throw new Error(`No key: ${answer.text}`);
  return answer.json();
}

async function apiKeys(app: TestApp): Promise<Credential[]> {
  return Promise.all(
    SETS.filter((scopes) => scopes.length > 0).map(async (scopes) => {
      const { key } = await makeKey(app, scopes);
      return bearer(`API key with "${scopes.join(' ')}"`, key, { ...ALICE, scopes, only: null });
    }),
  );
}

async function streamCredentials(app: TestApp, jobs: readonly OwnedJob[]): Promise<Credential[]> {
  const all: Credential[] = [];
  const scopes = ['jobs:read', 'jobs:write'];
  for (const { id, tenant, owner } of jobs) {
    const token = await app.token({ tenant, subject: owner, scope: scopes.join(' ') });
    for (const stream of [id, 'feed']) {
      const body = stream === 'feed' ? { feed: true } : { jobs: [id] };
      const path = stream === 'feed' ? '/jobs/events' : `/jobs/${id}/events`;
      const only = stream === 'feed' ? null : id;
      const ticket = await ticketFor(app, body, token);
      const cookie = await cookieFor(app, path, ticket);
      const rest = { holder: { tenant, subject: owner, scopes, only } };
      const name = `of ${owner} of ${tenant} for ${stream === 'feed' ? 'the feed' : 'their job'}`;
      all.push({
        name: `ticket ${name}`,
        ...rest,
        headers: {},
        query: `&ticket=${ticket}`,
        opens: { stream, by: 'ticket' },
      });
      all.push({
        name: `cookie ${name}`,
        ...rest,
        headers: { cookie },
        query: '',
        opens: { stream, by: 'cookie' },
      });
    }
  }
  return all;
}

/** Credentials that were good once, or that would be elsewhere. */
async function worthless(app: TestApp, { id, tenant, owner, viewer }: OwnedJob): Promise<Credential[]> {
  const everything = SCOPES.join(' ');
  const own = { tenant, subject: owner, scope: everything };
  const token = await app.token(own);
  const bearers: [name: string, token: string][] = [
    ['expired JWT', await app.token({ ...own, expiresIn: -61 })],
    ['JWT of another issuer', await app.token({ ...own, issuer: 'https://other.test' })],
    ['revoked JWT', await revokedJwt(app)],
    ['revoked API key', await revokedKey(app)],
    ['expired API key', await expiredKey(app)],
    ['expired viewer token', `jsv_${await mint(app, 'viewer', viewerClaims(id, -1))}`],
    ['viewer token without its mark', viewer.replace('jsv_', '')],
    ['text', 'garbage'],
  ];
  const expired = await ticketFor(app, { jobs: [id] }, token);
  await app.dataSource.query(
    `UPDATE jobs.ticket SET expires_at = now() WHERE hash = sha256(convert_to($1, 'UTF8'))`,
    [expired],
  );
  const nothing = { holder: null, headers: {}, opens: null };
  return [
    ...bearers.map(([name, value]) => bearer(name, value, null)),
    { ...nothing, name: 'expired ticket', query: `&ticket=${expired}` },
    { ...nothing, name: 'JWT in the URL', query: `&token=${token}&access_token=${token}&ticket=${token}` },
    { ...nothing, name: 'viewer token in the URL', query: `&token=${viewer}&ticket=${viewer}` },
    { ...nothing, name: 'JWT in the cookie', headers: { cookie: `jobstream_stream=${token}` }, query: '' },
    { ...nothing, name: 'Basic', headers: { authorization: `Basic ${btoa(`alice:${token}`)}` }, query: '' },
  ];
}

async function revokedJwt(app: TestApp): Promise<string> {
  const token = await new SignJWT({ tenant: 'acme', scope: SCOPES.join(' '), jti: 'revoked-in-the-matrix' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('alice')
    .setIssuer(JWT_ISSUER)
    .setAudience(JWT_AUDIENCE)
    .setExpirationTime('1h')
    .sign(createSecretKey(Buffer.from(JWT_SECRET, 'utf8')));
  const answer = await app.post('/revocations', { tokenId: 'revoked-in-the-matrix' }, ADMIN);
  if (answer.status !== 201) throw new Error(`Not revoked: ${answer.text}`);
  return token;
}

async function revokedKey(app: TestApp): Promise<string> {
  const { id, key } = await makeKey(app, SCOPES);
  await app.send(`/api-keys/${id}`, { method: 'DELETE' }, ADMIN);
  return key;
}

async function expiredKey(app: TestApp): Promise<string> {
  const { id, key } = await makeKey(app, SCOPES);
  await app.dataSource.query('UPDATE jobs.api_key SET expires_at = now() WHERE id = $1', [id]);
  return key;
}
