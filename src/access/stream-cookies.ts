import { Injectable } from '@nestjs/common';
import type { Caller } from './caller.ts';
import { OwnTokens } from './own-tokens.ts';

export const STREAM_COOKIE = 'jobstream_stream';
const MAX_AGE_MS = 12 * 60 * 60_000;

/** The right of a caller to follow one stream without any other credential. */
export interface StreamGrant {
  caller: Caller;
  /** The job whose stream it is; null for the feed. */
  job: string | null;
  at: Date;
}

/**
 * The values of the cookies that are issued for redeemed tickets. They are signed, so nothing is stored. Each opens a
 * single stream until the credential behind it expires, at most for 12 hours.
 */
@Injectable()
export class StreamCookies {
  constructor(private readonly tokens: OwnTokens) {}

  /** The value and its lifetime in seconds; null when the credential has expired. */
  async issue(grant: StreamGrant): Promise<{ value: string; maxAge: number } | null> {
    const end = Math.min(grant.caller.expiresAt?.getTime() ?? Infinity, Date.now() + MAX_AGE_MS);
    const exp = Math.floor(end / 1000);
    const maxAge = exp - Math.floor(Date.now() / 1000);
    if (maxAge <= 0) return null;
    return { value: await this.tokens.sign('stream', { ...claimsOf(grant), exp }), maxAge };
  }

  /** The caller for the stream of this job (null: for the feed); null when the value is not valid there. */
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
  /**
   * When it was granted, in seconds with a fraction, which NumericDate allows: revocations are compared by the
   * millisecond.
   */
  iat: number;
  exp: number;
  /** The only job that the feed may show. */
  only?: string;
  /** When the credential behind the ticket was issued, in milliseconds; its ids follow. */
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

/** The token was signed here, so its claims have the form that `claimsOf()` gave them. */
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
