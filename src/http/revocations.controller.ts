import { Body, Post } from '@nestjs/common';
import type { Revocable } from '../store/revocation-store.ts';
import { Routes } from './routes.ts';
import { CurrentPermit } from './current-permit.ts';
import { ApiKeys } from '../access/api-keys.ts';
import type { RevocationAnswer } from './answers.ts';
import { RevocationRequest } from './requests.ts';
import type { Permit } from '../access/permit.ts';
import { parseRequest } from '../job/parse-request.ts';
import { Revocations } from '../access/revocations.ts';

/** `POST /revocations`: administrators revoke credentials before they expire. */
@Routes('revocations')
export class RevocationsController {
  constructor(
    private readonly revocations: Revocations,
    private readonly keys: ApiKeys,
  ) {}

  /** Returns the revoked fields and `revokedAt`: credentials issued until then are refused. */
  @Post()
  async revoke(@CurrentPermit() permit: Permit, @Body() request: unknown): Promise<RevocationAnswer> {
    permit.require('admin');
    const { body, revocable } = parseRequest(RevocationRequest, request);
    const at = await this.#revoke(revocable, permit);
    return { ...body, revokedAt: at.toISOString() };
  }

  /** Revokes a key itself. If there is no such key, tickets and cookies that were made with it are still revoked. */
  async #revoke(revocable: Revocable, permit: Permit): Promise<Date> {
    const { actor } = permit;
    const { kind, value, tenant } = revocable;
    const ended = kind === 'key' ? await this.keys.revoke(value, actor, permit.reach) : null;
    if (ended) return ended;
    // The id of a token, a key or a job does not tell its tenant, so only callers that reach every tenant may use it.
    permit.requireWithin(tenant || null);
    return this.revocations.revoke(revocable, actor);
  }
}
