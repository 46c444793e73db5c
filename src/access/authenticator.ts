import { type ExecutionContext, Injectable } from '@nestjs/common';
import { ApiKeys } from './api-keys.ts';
import { type Caller, callerFrom } from './caller.ts';
import { JobsAccess } from './jobs-access.ts';
import { Permit } from './permit.ts';
import { Revocations } from './revocations.ts';
import { ViewerTokens } from './viewer-tokens.ts';

/** Finds the caller for a credential of any kind. */
@Injectable()
export class Authenticator {
  constructor(
    private readonly access: JobsAccess,
    private readonly viewerTokens: ViewerTokens,
    private readonly apiKeys: ApiKeys,
    private readonly revocations: Revocations,
  ) {}

  /** Whether the bearer token is a viewer token or an API key, so that the module rather than the host checks it. */
  isOurs(token: string): boolean {
    return this.viewerTokens.isViewerToken(token) || this.apiKeys.isApiKey(token);
  }

  /** The caller of a viewer token or an API key; null when it is not valid or was revoked. */
  async bearer(token: string): Promise<Caller | null> {
    const verifier = this.viewerTokens.isViewerToken(token) ? this.viewerTokens : this.apiKeys;
    return this.unlessRevoked(await verifier.verify(token));
  }

  /** The caller that `JobsAccess` finds in the request, or null. */
  async ofHost(context: ExecutionContext): Promise<Caller | null> {
    const found = await this.access.authenticate(context);
    return found && this.unlessRevoked(callerFrom(found));
  }

  /** What the caller may do from now on. */
  permit(caller: Caller): Permit {
    return new Permit(caller, this.access);
  }

  /** The caller, or null when the credential was revoked. */
  async unlessRevoked(caller: Caller | null): Promise<Caller | null> {
    return caller && !(await this.revocations.isRevoked(caller)) ? caller : null;
  }
}
