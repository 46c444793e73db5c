import { createSecretKey, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type GenerateKeyPairResult,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { JwtVerifier } from '../../src/access/jwt-verifier.ts';
import { type JwtOptions, resolveOptions } from '../../src/jobs.options.ts';

const SECRET = 'a secret of the tests of thirty-two bytes';
const ISSUER = 'https://issuer.test';
const AUDIENCE = 'jobs.test';
const KEY = createSecretKey(Buffer.from(SECRET));

function verifier(jwt: Partial<JwtOptions> = { secret: SECRET }): JwtVerifier {
  return new JwtVerifier(
    resolveOptions({ redis: 'redis://unused', jwt: { issuer: ISSUER, audience: AUDIENCE, ...jwt } }),
  );
}

const seconds = (fromNow: number): number => Math.floor(Date.now() / 1_000) + fromNow;

/** Claims that are accepted; a part that is undefined is left out. */
function claims(parts: JWTPayload = {}): JWTPayload {
  return {
    sub: 'alice',
    tenant: 'acme',
    scope: 'jobs:read',
    iss: ISSUER,
    aud: AUDIENCE,
    exp: seconds(60),
    ...parts,
  };
}

function sign(
  parts: JWTPayload = {},
  alg = 'HS256',
  key: KeyObject | CryptoKey | Uint8Array = KEY,
): Promise<string> {
  return new SignJWT(claims(parts)).setProtectedHeader({ alg, kid: 'k' }).sign(key);
}

describe('a token that is signed with the shared secret', () => {
  it('names the caller', async () => {
    const exp = seconds(60);
    expect(await verifier().verify(await sign({ exp, scope: 'jobs:read  jobs:write' }))).toEqual({
      tenant: 'acme',
      subject: 'alice',
      scopes: new Set(['jobs:read', 'jobs:write']),
      expiresAt: new Date(exp * 1_000),
      job: null,
    });
  });

  it.each<[string, JWTPayload]>([
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['no tenant', { tenant: undefined }],
    ['an empty tenant', { tenant: '' }],
    ['a tenant that is a list', { tenant: ['acme'] }],
    ['a tenant that is an object', { tenant: { toString: 'acme' } }],
    ['a tenant with U+0000', { tenant: 'acme\u0000' }],
    ['a tenant with a lone surrogate', { tenant: '\ud83d' }],
    ['a tenant of 256 characters', { tenant: 'a'.repeat(256) }],
    ['no issuer', { iss: undefined }],
    ['another issuer', { iss: 'https://issuer.test/' }],
    ['no audience', { aud: undefined }],
    ['another audience', { aud: ['other', 'jobs'] }],
    ['no expiry', { exp: undefined }],
    ['an expiry that is text', { exp: `${seconds(60)}` as never }],
    ['an expiry that has passed', { exp: seconds(-31) }],
    ['a time from which it counts that is to come', { nbf: seconds(60) }],
  ])('is refused with %s', async (_name, parts) => {
    expect(await verifier().verify(await sign(parts))).toBeNull();
  });

  it('is accepted while clocks may differ by 30 s', async () => {
    expect(await verifier().verify(await sign({ exp: seconds(-20) }))).not.toBeNull();
    expect(await verifier().verify(await sign({ nbf: seconds(20) }))).not.toBeNull();
  });

  it('is accepted when ours is one of its audiences', async () => {
    expect(await verifier().verify(await sign({ aud: ['other', AUDIENCE] }))).not.toBeNull();
  });

  it.each<[string, JWTPayload]>([
    ['no scope', { scope: undefined }],
    ['a scope that is a list', { scope: ['jobs:admin'] as never }],
    ['an empty scope', { scope: '' }],
  ])('allows nothing with %s', async (_name, parts) => {
    expect((await verifier().verify(await sign(parts)))?.scopes).toEqual(new Set());
  });

  it('reads the tenant from the claim that the host names', async () => {
    const token = await sign({ tenant: 'wrong', org: 'acme' });
    expect((await verifier({ secret: SECRET, tenantClaim: 'org' }).verify(token))?.tenant).toBe('acme');
    expect(await verifier({ secret: SECRET, tenantClaim: 'constructor' }).verify(token)).toBeNull();
  });

  it('is refused when it is signed with another secret, altered, cut or endless', async () => {
    const token = await sign();
    const [header, , signature] = token.split('.');
    const admin = Buffer.from(JSON.stringify(claims({ scope: 'jobs:admin' }))).toString('base64url');
    const tokens = [
      await sign({}, 'HS256', createSecretKey(Buffer.from('x'.repeat(32)))),
      `${header}.${admin}.${signature}`,
      token.slice(0, -2),
      `${token}.x`,
      'x',
      '',
      '..',
      await sign({ filler: 'x'.repeat(8_192) }),
    ];
    for (const altered of tokens) expect(await verifier().verify(altered)).toBeNull();
  });

  it('is refused when it has no signature at all', async () => {
    const none = new UnsecuredJWT(claims()).encode();
    const [, payload] = none.split('.');
    expect(await verifier().verify(none)).toBeNull();
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
      const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
      expect(await verifier().verify(`${header}.${payload}.`)).toBeNull();
    }
  });

  it.each(['HS384', 'HS512'])(
    'is refused when it is signed with %s, which is not the algorithm',
    async (alg) => {
      const long = createSecretKey(Buffer.from(SECRET.repeat(2)));
      const own = verifier({ secret: SECRET.repeat(2) });
      expect(await own.verify(await sign({}, 'HS256', long))).not.toBeNull();
      expect(await own.verify(await sign({}, alg, long))).toBeNull();
    },
  );
});

describe('a token that is signed with a key of the JWK set', () => {
  const pairs = new Map<string, GenerateKeyPairResult>();
  let server: Server;
  let jwksUrl: string;

  beforeAll(async () => {
    for (const alg of ['RS256', 'ES256', 'EdDSA', 'PS256'])
      pairs.set(alg, await generateKeyPair(alg, { extractable: true }));
    const keys = await Promise.all(
      [...pairs].map(async ([alg, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid: alg })),
    );
    server = createServer((_request, response) => response.end(JSON.stringify({ keys })));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const pairOf = (alg: string): GenerateKeyPairResult => {
    const pair = pairs.get(alg);
    if (!pair) throw new Error(`No key of ${alg}.`);
    return pair;
  };
  const signWith = (alg: string, kid = alg): Promise<string> =>
    new SignJWT(claims()).setProtectedHeader({ alg, kid }).sign(pairOf(alg).privateKey);

  it.each(['RS256', 'ES256', 'EdDSA'])('is accepted with %s', async (alg) => {
    expect(await verifier({ jwksUrl }).verify(await signWith(alg))).toMatchObject({
      tenant: 'acme',
      subject: 'alice',
    });
  });

  it('is refused with an algorithm that is not pinned, though the set has its key', async () => {
    expect(await verifier({ jwksUrl }).verify(await signWith('PS256'))).toBeNull();
  });

  it('is refused when the public key was used as a secret', async () => {
    const pem = createSecretKey(Buffer.from(await exportSPKI(pairOf('RS256').publicKey)));
    const token = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'RS256' }).sign(pem);
    expect(await verifier({ jwksUrl }).verify(token)).toBeNull();
    expect(await verifier({ jwksUrl }).verify(await sign())).toBeNull();
  });

  it('is refused where a secret is expected', async () => {
    expect(await verifier().verify(await signWith('RS256'))).toBeNull();
  });

  it('is refused when it names a key that the set does not have', async () => {
    expect(await verifier({ jwksUrl }).verify(await signWith('RS256', 'unknown'))).toBeNull();
  });

  it('is refused, not an error, while the set cannot be read', async () => {
    expect(await verifier({ jwksUrl: 'http://127.0.0.1:1/keys' }).verify(await signWith('RS256'))).toBeNull();
  });
});
