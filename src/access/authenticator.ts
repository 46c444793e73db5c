import { Inject, Injectable } from '@nestjs/common';
import { ApiKeys } from './api-keys.ts';
import type { Caller } from './caller.ts';
import { JwtVerifier } from './jwt-verifier.ts';
import { Revocations } from './revocations.ts';
import { ViewerTokens } from './viewer-tokens.ts';

/** Turns a credential of any kind into the caller that it stands for. */
@Injectable()
export class Authenticator {
  constructor(
    @Inject(JwtVerifier) private readonly tokens: JwtVerifier,
    @Inject(ViewerTokens) private readonly viewerTokens: ViewerTokens,
    @Inject(ApiKeys) private readonly apiKeys: ApiKeys,
    @Inject(Revocations) private readonly revocations: Revocations,
  ) {}

  /** The caller that a bearer token stands for, or null when it is not valid or was revoked. */
  async bearer(token: string): Promise<Caller | null> {
    return this.unlessRevoked(await this.#verifierOf(token).verify(token));
  }

  /** The caller, or null when the credential was revoked since it was issued. */
  async unlessRevoked(caller: Caller | null): Promise<Caller | null> {
    return caller && !(await this.revocations.isRevoked(caller)) ? caller : null;
  }

  #verifierOf(token: string): { verify(token: string): Promise<Caller | null> } {
    if (this.viewerTokens.isViewerToken(token)) return this.viewerTokens;
    return this.apiKeys.isApiKey(token) ? this.apiKeys : this.tokens;
  }
}
