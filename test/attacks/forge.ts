import { createHmac } from 'node:crypto';
import { JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET } from '../support/tokens.ts';

export function seconds(fromNow: number): number {
  return Math.floor(Date.now() / 1_000) + fromNow;
}

/** Claims that make a valid token of an administrator. */
export function claims(parts: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    sub: 'mallory',
    tenant: 'acme',
    scope: 'jobs:admin',
    iss: JWT_ISSUER,
    aud: JWT_AUDIENCE,
    iat: seconds(0),
    exp: seconds(3_600),
    ...parts,
  };
}

export function segment(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.from(text).toString('base64url');
}

/** A signature with HMAC and SHA-256 over whatever is written, as the owner of this secret makes it. */
export function hmac(signed: string, secret: string | Buffer = JWT_SECRET): string {
  return createHmac('sha256', secret).update(signed).digest('base64url');
}

/** A token with exactly this header and these claims (text: as it stands), signed with HMAC and SHA-256. */
export function forge(
  header: unknown = { alg: 'HS256' },
  payload: unknown = claims(),
  secret: string | Buffer = JWT_SECRET,
): string {
  const signed = `${segment(header)}.${segment(payload)}`;
  return `${signed}.${hmac(signed, secret)}`;
}

/** The token without one of its claims. */
export function without(claim: string): string {
  return forge(undefined, Object.fromEntries(Object.entries(claims()).filter(([name]) => name !== claim)));
}
