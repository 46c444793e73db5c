import type { ExecutionContext } from '@nestjs/common';
import type { Job } from '../job/job.ts';
import type { Caller, CallerInput } from './caller.ts';

/** `admin` covers API keys, revocations and the audit, within the tenant of the caller's range. */
export type AccessAction = 'read' | 'submit' | 'cancel' | 'retry' | 'admin';

/** The facts about a job that a decision may depend on. `id` is null for a job that is to be submitted. */
export interface AccessTarget extends Pick<Job, 'type' | 'tenant' | 'owner' | 'tags'> {
  id: string | null;
}

/** The jobs that SQL may read for a caller, by tenant and owner; null means any. */
export interface AccessRange {
  tenant: string | null;
  owner: string | null;
}

const ALLOWING: Record<AccessAction, readonly string[]> = {
  read: ['jobs:read', 'jobs:tenant', 'jobs:admin'],
  submit: ['jobs:write', 'jobs:admin'],
  cancel: ['jobs:write', 'jobs:admin'],
  retry: ['jobs:write', 'jobs:admin'],
  admin: ['jobs:admin'],
};

/** The scope to ask for when none of the caller's scopes allows the action; null when one does. */
export function missingScope({ scopes }: Caller, action: AccessAction): string | null {
  const allowing = ALLOWING[action];
  return allowing.some((scope) => scopes.has(scope)) ? null : (allowing[0] ?? null);
}

/** Whether the job is within the range. */
export function isInRange(target: Pick<AccessTarget, 'tenant' | 'owner'>, range: AccessRange): boolean {
  const { tenant, owner } = range;
  return (tenant === null || target.tenant === tenant) && (owner === null || target.owner === owner);
}

/**
 * Authenticates callers and decides what they may do. A host replaces this one provider (`JobsModule.forRoot({ access
 * })`). Viewer tokens, API keys, tickets and their cookies still work beside it, and revocations also cover its
 * callers.
 */
export abstract class JobsAccess {
  /**
   * The caller of a request; null is answered with `401`. An exception, such as one from the host's own guard, is
   * answered unchanged. A request without a bearer token counts as authenticated by cookie, because browsers also send
   * `Basic` and `Negotiate` credentials on their own: such requests are refused from pages of other sites.
   */
  abstract authenticate(context: ExecutionContext): Promise<CallerInput | null> | CallerInput | null;

  /** The jobs that SQL may read for the caller: their own, the tenant's with `jobs:tenant`, all with `jobs:admin`. */
  range({ tenant, subject, scopes }: Caller): AccessRange {
    if (scopes.has('jobs:admin')) return { tenant: null, owner: null };
    return { tenant, owner: scopes.has('jobs:tenant') ? null : subject };
  }

  /**
   * Whether the caller may perform the action on a job of their range; with null, on any job at all. It is called by
   * every route, for every job of a list, before every heartbeat of a stream and for every frame of a feed, so it has
   * to be fast: put what it needs into the caller. Default: the scopes and the range decide.
   */
  may(caller: Caller, action: AccessAction, target: AccessTarget | null): boolean {
    if (missingScope(caller, action) !== null) return false;
    return target === null || isInRange(target, this.range(caller));
  }
}
