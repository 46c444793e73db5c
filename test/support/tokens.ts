import { createSecretKey } from 'node:crypto';
import { SignJWT } from 'jose';
import { secret as noted } from './secrets.ts';

export const JWT_SECRET = 'thirty-two bytes or more, known to the tests alone';
export const JWT_ISSUER = 'https://issuer.test';
export const JWT_AUDIENCE = 'jobs.test';

/** What a token of the tests says; every part has a default that makes a valid token of a plain user. */
export interface Claims {
  /** Default `acme`. */
  tenant?: string;
  /** Default `alice`. */
  subject?: string;
  /** Default `jobs:read jobs:write`. */
  scope?: string;
  /** Seconds from now; default 3,600. */
  expiresIn?: number;
  issuer?: string;
  audience?: string;
  secret?: string;
}

/** A bearer token as the issuer of the tests signs it. */
export async function signToken(claims: Claims = {}): Promise<string> {
  const { tenant = 'acme', subject = 'alice', scope = 'jobs:read jobs:write' } = claims;
  const { expiresIn = 3_600, issuer = JWT_ISSUER, audience = JWT_AUDIENCE, secret = JWT_SECRET } = claims;
  const token = await new SignJWT({ tenant, scope })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresIn)
    .sign(createSecretKey(Buffer.from(noted(secret), 'utf8')));
  return noted(token);
}
