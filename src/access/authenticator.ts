import { type ExecutionContext, Injectable } from '@nestjs/common';
import { ApiKeys } from './api-keys.ts';
import { type Caller, callerFrom } from './caller.ts';
import { JobsAccess } from './jobs-access.ts';
import { Permit } from './permit.ts';
import { Revocations } from './revocations.ts';
import { ViewerTokens } from './viewer-tokens.ts';

/** Turns a credential of any kind into the caller that it stands for. */
@Injectable()
export class Authenticator {
  constructor(
    private readonly access: JobsAccess,
    private readonly viewerTokens: ViewerTokens,
    private readonly apiKeys: ApiKeys,
    private readonly revocations: Revocations,
  ) {}

  /** Whether the bearer token is a viewer token or an API key, which the host knows nothing of. */
  isOurs(token: string): boolean {
    return this.viewerTokens.isViewerToken(token) || this.apiKeys.isApiKey(token);
  }

  /** The caller that a token of ours stands for, or null when it is not valid or was revoked. */
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

  /** The caller, or null when the credential was revoked since it was issued. */
  async unlessRevoked(caller: Caller | null): Promise<Caller | null> {
    return caller && !(await this.revocations.isRevoked(caller)) ? caller : null;
  }
}
