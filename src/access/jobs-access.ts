import type { ExecutionContext } from '@nestjs/common';
import type { Job } from '../job/job.ts';
import type { Caller, CallerInput } from './caller.ts';

/** `admin`: API keys, revocations and the audit trail, of the tenant of the caller's range. */
export type AccessAction = 'read' | 'submit' | 'cancel' | 'retry' | 'admin';

/** What a decision can rest on; of a job that is to be submitted, the id is not known yet. */
export interface AccessTarget extends Pick<Job, 'type' | 'tenant' | 'owner' | 'tags'> {
  id: string | null;
}

/** The jobs that SQL reads for a caller: those of a tenant, of an owner in it; null stands for any. */
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

/** The scope that an action needs where the caller has none that allows it; null where one does. */
export function missingScope({ scopes }: Caller, action: AccessAction): string | null {
  const allowing = ALLOWING[action];
  return allowing.some((scope) => scopes.has(scope)) ? null : (allowing[0] ?? null);
}

/** Whether the job is one of the range. */
export function isInRange(target: Pick<AccessTarget, 'tenant' | 'owner'>, range: AccessRange): boolean {
  const { tenant, owner } = range;
  return (tenant === null || target.tenant === tenant) && (owner === null || target.owner === owner);
}

/**
 * Who calls, and what they may do: the one provider that a host replaces (`JobsModule.forRoot({ access })`).
 * Viewer tokens, API keys, tickets and their cookies go on to work beside it; revocations cover its callers too.
 */
export abstract class JobsAccess {
  /**
   * The caller of a request, null for none (`401`). Whatever the host's own guard throws is answered as it is.
   * A request without a bearer token counts as one by cookie, as browsers add `Basic` and `Negotiate` by themselves
   * too: pages of other sites are refused.
   */
  abstract authenticate(context: ExecutionContext): Promise<CallerInput | null> | CallerInput | null;

  /** The jobs that SQL reads for the caller: own jobs, the tenant's with `jobs:tenant`, all with `jobs:admin`. */
  range({ tenant, subject, scopes }: Caller): AccessRange {
    if (scopes.has('jobs:admin')) return { tenant: null, owner: null };
    return { tenant, owner: scopes.has('jobs:tenant') ? null : subject };
  }

  /**
   * Whether the caller may do this to a job of their range; with null, whether at all. Asked by every route,
   * for every job of a list, before every heartbeat of a stream and for every frame of a feed: it has to be fast,
   * so what it needs to know belongs into the caller. Default: the scopes decide, and the range.
   */
  may(caller: Caller, action: AccessAction, target: AccessTarget | null): boolean {
    if (missingScope(caller, action) !== null) return false;
    return target === null || isInRange(target, this.range(caller));
  }
}
