import { Injectable } from '@nestjs/common';
import type { ViewerToken } from '../job/credentials.ts';
import type { Job } from '../job/job.ts';
import type { Caller, Origin } from './caller.ts';
import { OwnTokens } from './own-tokens.ts';

/** Distinguishes viewer tokens from those of the host's issuer. */
const PREFIX = 'jsv_';
const LIFETIME_SECONDS = 15 * 60;

interface Claims {
  tenant: string;
  job: string;
  sub: string;
  iat: number;
  exp: number;
  /** The ids of the credential with which the job was submitted. */
  token?: string;
  key?: string;
}

/** Read-only tokens for a single job, meant for the page of its submitter. */
@Injectable()
export class ViewerTokens {
  constructor(private readonly tokens: OwnTokens) {}

  /** Issues a token for a job. Revoking the credential that submitted the job revokes the token too. */
  async issue(job: Pick<Job, 'id' | 'tenant' | 'owner'>, origin: Origin): Promise<ViewerToken> {
    const { id, tenant, owner } = job;
    const { tokenId: token, apiKey: key } = origin;
    const iat = Math.floor(Date.now() / 1000);
    const exp = iat + LIFETIME_SECONDS;
    const claims: Claims = { tenant, job: id, sub: owner ?? '', iat, exp, token, key };
    const jwt = await this.tokens.sign('viewer', claims);
    return { token: `${PREFIX}${jwt}`, expiresAt: new Date(exp * 1000).toISOString() };
  }

  isViewerToken(token: string): boolean {
    return token.startsWith(PREFIX);
  }

  /** The caller that the token stands for, or null when it is not valid. */
  async verify(token: string): Promise<Caller | null> {
    const claims = await this.tokens.verify<Claims>('viewer', token.slice(PREFIX.length));
    // A missing tenant or job must not pass, because null means any in a `Visibility`.
    if (typeof claims?.tenant !== 'string' || typeof claims.job !== 'string') return null;
    const issuedAt = new Date(claims.iat * 1000);
    return {
      tenant: claims.tenant,
      subject: claims.sub,
      // `jobs:tenant` skips the check of the owner: the token names the tenant and the job.
      scopes: new Set(['jobs:read', 'jobs:tenant']),
      expiresAt: new Date(claims.exp * 1000),
      job: claims.job,
      boundAt: issuedAt,
      issuedAt,
      tokenId: claims.token,
      apiKey: claims.key,
    };
  }
}
