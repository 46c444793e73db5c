import { Body, Controller, Post, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import type { Revocable } from '../store/revocation-store.ts';
import { AccessGuard } from './access.guard.ts';
import { AccessPolicy } from '../access/access-policy.ts';
import { ApiKeys } from '../access/api-keys.ts';
import { actorOf, type Caller, CurrentCaller } from '../access/caller.ts';
import type { RevocationAnswer } from './answers.ts';
import { RevocationRequest } from './requests.ts';
import { parseRequest } from '../job/parse-request.ts';
import { Revocations } from '../access/revocations.ts';

/** `POST /revocations`: ends credentials before they expire, for administrators. */
@Controller({ path: 'revocations', version: VERSION_NEUTRAL })
@UseGuards(AccessGuard)
export class RevocationsController {
  constructor(
    private readonly revocations: Revocations,
    private readonly keys: ApiKeys,
    private readonly policy: AccessPolicy,
  ) {}

  /** Answers what was revoked and `revokedAt`: credentials issued until then are refused. */
  @Post()
  async revoke(@CurrentCaller() caller: Caller, @Body() request: unknown): Promise<RevocationAnswer> {
    this.policy.require(caller, 'admin');
    const { body, revocable } = parseRequest(RevocationRequest, request);
    const at = await this.#revoke(revocable, caller);
    return { ...body, revokedAt: at.toISOString() };
  }

  /** A key ends as such; where there is none to end, what was made with it still does. */
  async #revoke(revocable: Revocable, caller: Caller): Promise<Date> {
    const actor = actorOf(caller);
    const { kind, value, tenant } = revocable;
    const ended = kind === 'key' ? await this.keys.revoke(value, actor, this.policy.reach(caller)) : null;
    if (ended) return ended;
    // The id of a token, a key or a job does not tell its tenant: only who reaches all may name it alone.
    this.policy.requireWithin(caller, tenant || null);
    return this.revocations.revoke(revocable, actor);
  }
}
