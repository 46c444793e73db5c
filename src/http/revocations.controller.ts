import { Body, Controller, Post, UseGuards, UseInterceptors, VERSION_NEUTRAL } from '@nestjs/common';
import { z } from 'zod';
import type { Revocable } from '../store/revocation-store.ts';
import { AccessGuard } from './access.guard.ts';
import { Refusals } from './refusals.ts';
import { AccessPolicy } from '../access/access-policy.ts';
import { ApiKeys } from '../access/api-keys.ts';
import { nameText } from '../access/api-key-request.ts';
import { actorOf, type Caller, CurrentCaller } from '../access/caller.ts';
import { parseRequest } from '../job/parse-request.ts';
import { Revocations } from '../access/revocations.ts';

const RevocationBody = z
  .strictObject({
    tenant: nameText.optional(),
    subject: nameText.optional(),
    tokenId: nameText.optional(),
    key: z.uuid().toLowerCase().optional(),
    job: z.uuid().toLowerCase().optional(),
  })
  .transform((body, context) => {
    const revocable = revocableOf(body);
    if (revocable) return { body, revocable };
    context.addIssue({
      code: 'custom',
      message: 'give one of {subject, tenant}, {tenant}, {tokenId}, {key}, {job}',
    });
    return z.NEVER;
  });

type Names = Partial<Record<'tenant' | 'subject' | 'tokenId' | 'key' | 'job', string | undefined>>;

/** What exactly these names stand for; null where they are too many or too few. */
function revocableOf({
  tenant = '',
  subject = '',
  tokenId = '',
  key = '',
  job = '',
}: Names): Revocable | null {
  const given = [tenant && !subject, tenant && subject, !tenant && subject, tokenId, key, job].filter(
    Boolean,
  );
  if (given.length !== 1) return null;
  if (tenant) return { kind: subject ? 'subject' : 'tenant', tenant, value: subject };
  if (tokenId) return { kind: 'token', tenant, value: tokenId };
  if (key) return { kind: 'key', tenant, value: key };
  return job ? { kind: 'job', tenant, value: job } : null;
}

/** `POST /revocations`: ends credentials before they expire, for administrators. */
@Controller({ path: 'revocations', version: VERSION_NEUTRAL })
@UseGuards(AccessGuard)
@UseInterceptors(Refusals)
export class RevocationsController {
  constructor(
    private readonly revocations: Revocations,
    private readonly keys: ApiKeys,
    private readonly policy: AccessPolicy,
  ) {}

  /** Answers what was revoked and `revokedAt`: credentials issued until then are refused. */
  @Post()
  async revoke(
    @CurrentCaller() caller: Caller,
    @Body() request: unknown,
  ): Promise<Names & { revokedAt: string }> {
    this.policy.require(caller, 'admin');
    const { body, revocable } = parseRequest(RevocationBody, request);
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
