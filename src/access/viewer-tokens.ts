import { Injectable } from '@nestjs/common';
import { jwtVerify, SignJWT } from 'jose';
import type { ViewerToken } from '../job/credentials.ts';
import type { Job } from '../job/job.ts';
import { SigningKeys } from '../store/signing-keys.ts';
import { type Caller, type Origin, originOf } from './caller.ts';

/** Tells our own tokens from those of the host's issuer. */
const PREFIX = 'jsv_';
const ISSUER = 'jobstream';
const AUDIENCE = 'jobstream:viewer';
const LIFETIME_MS = 15 * 60_000;

/** Read-only tokens for a single job, for the page of the person who submitted it. */
@Injectable()
export class ViewerTokens {
  constructor(private readonly keys: SigningKeys) {}

  /** For a job that was submitted with a credential, which the token can be revoked with. */
  async issue(job: Pick<Job, 'id' | 'tenant' | 'owner'>, origin: Origin): Promise<ViewerToken> {
    const { id, tenant, owner } = job;
    const expires = Math.floor((Date.now() + LIFETIME_MS) / 1000);
    const jwt = await new SignJWT({ tenant, job: id, token: origin.tokenId, key: origin.apiKey })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(owner ?? '')
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime(expires)
      .sign(await this.keys.get('viewer'));
    return { token: `${PREFIX}${jwt}`, expiresAt: new Date(expires * 1000).toISOString() };
  }

  isViewerToken(token: string): boolean {
    return token.startsWith(PREFIX);
  }

  /** The caller that the token stands for, or null when it is not valid. */
  async verify(token: string): Promise<Caller | null> {
    const options = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['HS256'], requiredClaims: ['exp'] };
    const key = await this.keys.get('viewer');
    const claims = await jwtVerify(token.slice(PREFIX.length), key, options).then(
      ({ payload }) => payload,
      () => null,
    );
    if (!claims || typeof claims['tenant'] !== 'string' || typeof claims['job'] !== 'string') return null;
    // Tokens from before they said when they were issued are at most 15 minutes old: any revocation covers them.
    const issuedAt = new Date((claims.iat ?? 0) * 1000);
    return {
      tenant: claims['tenant'],
      subject: claims.sub ?? '',
      // The job is named, so the owner need not be: `jobs:tenant` leaves the tenant and the id to decide.
      scopes: new Set(['jobs:read', 'jobs:tenant']),
      expiresAt: new Date((claims.exp ?? 0) * 1000),
      job: claims['job'],
      boundAt: issuedAt,
      ...originOf({ issuedAt, tokenId: claims['token'] as string, apiKey: claims['key'] as string }),
    };
  }
}
