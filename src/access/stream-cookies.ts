import { Injectable } from '@nestjs/common';
import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { SigningKeys } from '../store/signing-keys.ts';
import { type Caller, originOf } from './caller.ts';

/** The cookie's name. */
export const STREAM_COOKIE = 'jobstream_stream';
const ISSUER = 'jobstream';
const AUDIENCE = 'jobstream:stream';
const MAX_AGE_MS = 12 * 60 * 60_000;

/** One stream that a caller may follow without any other credential. */
export interface StreamGrant {
  caller: Caller;
  /** The job whose stream it is; null: the feed. */
  job: string | null;
  /** When it was granted. */
  at: Date;
}

/**
 * The values of the cookies that tickets turn into: signed, so that nothing has to be stored, and good for a
 * single stream until the credential behind them expires, at most 12 hours.
 */
@Injectable()
export class StreamCookies {
  constructor(private readonly keys: SigningKeys) {}

  /** The value, and for how many seconds it is good; null when the credential has expired. */
  async issue(grant: StreamGrant): Promise<{ value: string; maxAge: number } | null> {
    const { caller } = grant;
    const now = Math.floor(Date.now() / 1000);
    const expires = Math.floor(
      Math.min(caller.expiresAt?.getTime() ?? Infinity, Date.now() + MAX_AGE_MS) / 1000,
    );
    if (expires <= now) return null;
    const value = await new SignJWT(claimsOf(grant))
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(caller.subject)
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime(expires)
      .sign(await this.keys.get('stream'));
    return { value, maxAge: expires - now };
  }

  /** The caller that the value stands for on the stream of this job (null: on the feed); null when it is not valid there. */
  async verify(value: string, job: string | null): Promise<Caller | null> {
    const options = {
      issuer: ISSUER,
      audience: AUDIENCE,
      algorithms: ['HS256'],
      requiredClaims: ['exp', 'sub', 'iat'],
    };
    const key = await this.keys.get('stream');
    const claims = await jwtVerify(value, key, options).then(
      ({ payload }) => payload,
      () => null,
    );
    if (!claims || (claims['stream'] ?? null) !== (job ?? 'feed')) return null;
    return callerOf(claims as Claims);
  }
}

interface Claims extends JWTPayload {
  tenant: string;
  scope: string;
  /** The id of the job whose stream it opens, or `feed`. */
  stream: string;
  /** The only job that a feed may show. */
  only?: string;
  /** When the credential behind the ticket was issued, and its ids. */
  issued?: number;
  token?: string;
  key?: string;
}

function claimsOf({ caller, job, at }: StreamGrant): Claims {
  const { tenant, scopes, job: only, issuedAt, tokenId, apiKey } = caller;
  return {
    tenant,
    scope: [...scopes].join(' '),
    stream: job ?? 'feed',
    // With a fraction, as NumericDate allows: revocations are compared to the millisecond.
    iat: at.getTime() / 1000,
    ...(only === null ? {} : { only }),
    ...(issuedAt ? { issued: issuedAt.getTime() } : {}),
    ...(tokenId === undefined ? {} : { token: tokenId }),
    ...(apiKey === undefined ? {} : { key: apiKey }),
  };
}

/** Signed by ourselves, so every claim is what `claimsOf` made it. */
function callerOf(claims: Claims): Caller {
  const { tenant, scope, only, issued, token, key, sub = '', exp = 0, iat = 0 } = claims;
  return {
    tenant,
    subject: sub,
    scopes: new Set(scope.split(' ').filter(Boolean)),
    expiresAt: new Date(exp * 1000),
    job: only ?? null,
    boundAt: new Date(Math.round(iat * 1000)),
    ...originOf({ issuedAt: issued === undefined ? null : new Date(issued), tokenId: token, apiKey: key }),
  };
}
