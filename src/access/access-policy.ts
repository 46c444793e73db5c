import { Injectable } from '@nestjs/common';
import { JobError, JobNotFound } from '../job/job-errors.ts';
import type { Visibility } from '../job/visibility.ts';
import type { Caller } from './caller.ts';
import {
  type AccessAction,
  type AccessRange,
  type AccessTarget,
  JobsAccess,
  missingScope,
} from './jobs-access.ts';

/** Puts every question of access to `JobsAccess`, within the limits of the credential, and turns a no into an error. */
@Injectable()
export class AccessPolicy {
  constructor(private readonly access: JobsAccess) {}

  /** The jobs that SQL may read or change for the caller; throws `403` when they may do this to none. */
  visibility(caller: Caller, action: AccessAction): Visibility {
    this.require(caller, action);
    return { ...this.#range(caller), job: caller.job };
  }

  /** Throws `403` where the caller may not do this at all. */
  require(caller: Caller, action: AccessAction): void {
    if (!this.#may(caller, action, null)) throw refusal(caller, action);
  }

  /**
   * Throws `404` for a job that the caller may neither see nor do this to, and `403` for one that they only see.
   * Scopes that allow to change own jobs do not need to allow reading as well.
   */
  check(caller: Caller, action: AccessAction, target: AccessTarget): void {
    if (this.#may(caller, action, target)) return;
    if (action !== 'submit' && !this.sees(caller, target)) throw new JobNotFound();
    throw refusal(caller, action);
  }

  /** The tenant whose jobs the caller reaches; null: every tenant. */
  reach(caller: Caller): string | null {
    return this.#range(caller).tenant;
  }

  /** Throws `403` for a tenant, or for every tenant (null), that is beyond the caller's own reach. */
  requireWithin(caller: Caller, tenant: string | null): void {
    const reach = this.reach(caller);
    if (reach !== null && reach !== tenant)
      throw new JobError(403, 'forbidden', 'You may only do this within your own tenant.');
  }

  /** Whether the caller may see the job; with null, whether they may see any. */
  sees(caller: Caller, target: AccessTarget | null): boolean {
    return this.#may(caller, 'read', target);
  }

  /** SQL takes null for every tenant, so what was forgotten must not become it (pitfall F4). */
  #range(caller: Caller): AccessRange {
    const { tenant, owner } = this.access.range(caller);
    if ([tenant, owner].some((name: unknown) => name !== null && typeof name !== 'string'))
      throw new Error(
        'JobsAccess.range() must answer a tenant and an owner: a string each, or null for any.',
      );
    return { tenant, owner };
  }

  /** A credential for a single job lets nobody do more than look at that job, whatever the host's policy says. */
  #may(caller: Caller, action: AccessAction, target: AccessTarget | null): boolean {
    if (caller.job !== null && (action !== 'read' || (target && target.id !== caller.job))) return false;
    // A host in plain JavaScript may answer a promise, which is no yes.
    const answer: unknown = this.access.may(caller, action, target);
    return answer === true;
  }
}

function refusal(caller: Caller, action: AccessAction): JobError {
  const scope = caller.job === null ? missingScope(caller, action) : 'jobs:write';
  if (scope) return new JobError(403, 'insufficient_scope', `This needs the scope ${scope}.`);
  return new JobError(403, 'forbidden', `You may not do this (${action}).`);
}
