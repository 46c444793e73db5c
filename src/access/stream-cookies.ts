import { Injectable } from '@nestjs/common';
import type { Caller } from './caller.ts';
import { OwnTokens } from './own-tokens.ts';

/** The cookie's name. */
export const STREAM_COOKIE = 'jobstream_stream';
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
  constructor(private readonly tokens: OwnTokens) {}

  /** The value, and for how many seconds it is good; null when the credential has expired. */
  async issue(grant: StreamGrant): Promise<{ value: string; maxAge: number } | null> {
    const end = Math.min(grant.caller.expiresAt?.getTime() ?? Infinity, Date.now() + MAX_AGE_MS);
    const exp = Math.floor(end / 1000);
    const maxAge = exp - Math.floor(Date.now() / 1000);
    if (maxAge <= 0) return null;
    return { value: await this.tokens.sign('stream', { ...claimsOf(grant), exp }), maxAge };
  }

  /** The caller that the value stands for on the stream of this job (null: on the feed); null when it is not valid there. */
  async verify(value: string, job: string | null): Promise<Caller | null> {
    const claims = await this.tokens.verify<Claims>('stream', value);
    return claims?.stream === (job ?? 'feed') ? callerOf(claims) : null;
  }
}

interface Claims {
  tenant: string;
  sub: string;
  scope: string;
  /** The id of the job whose stream it opens, or `feed`. */
  stream: string;
  /** When it was granted, with a fraction, as NumericDate allows: revocations are compared to the millisecond. */
  iat: number;
  exp: number;
  /** The only job that a feed may show. */
  only?: string;
  /** When the credential behind the ticket was issued, in milliseconds, and its ids. */
  issued?: number;
  token?: string;
  key?: string;
}

function claimsOf({ caller, job, at }: StreamGrant): Omit<Claims, 'exp'> {
  return {
    tenant: caller.tenant,
    sub: caller.subject,
    scope: [...caller.scopes].join(' '),
    stream: job ?? 'feed',
    iat: at.getTime() / 1000,
    only: caller.job ?? undefined,
    issued: caller.issuedAt?.getTime(),
    token: caller.tokenId,
    key: caller.apiKey,
  };
}

/** Signed by ourselves, so every claim is what `claimsOf` made it. */
function callerOf(claims: Claims): Caller {
  const { issued } = claims;
  return {
    tenant: claims.tenant,
    subject: claims.sub,
    scopes: new Set(claims.scope.split(' ').filter(Boolean)),
    expiresAt: new Date(claims.exp * 1000),
    job: claims.only ?? null,
    boundAt: new Date(Math.round(claims.iat * 1000)),
    issuedAt: issued === undefined ? undefined : new Date(issued),
    tokenId: claims.token,
    apiKey: claims.key,
  };
}
