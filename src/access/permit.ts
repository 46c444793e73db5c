import { APPLICATION, type Actor } from '../job/actor.ts';
import { JobError, JobNotFound } from '../job/job-errors.ts';
import type { Visibility } from '../job/visibility.ts';
import type { Caller } from './caller.ts';
import {
  type AccessAction,
  type AccessRange,
  type AccessTarget,
  type JobsAccess,
  missingScope,
} from './jobs-access.ts';

/**
 * What the caller of a request may do: made once, when the request is authenticated, and handed to everything that acts
 * for it. Each question is put to `JobsAccess` anew, within the limits of the credential, as its answer may change.
 */
export class Permit {
  constructor(
    readonly caller: Caller,
    private readonly access: JobsAccess,
  ) {}

  /** The caller as the audit names them. */
  get actor(): Actor {
    const { tenant, subject, apiKey, tokenId } = this.caller;
    const credential = apiKey ? `key:${apiKey}` : tokenId ? `token:${tokenId}` : null;
    return { tenant, subject, credential };
  }

  /** The jobs that SQL may read or change for the caller; throws `403` when they may do this to none. */
  visibility(action: AccessAction): Visibility {
    this.require(action);
    return { ...this.#range(), job: this.caller.job };
  }

  /** Throws `403` where the caller may not do this at all. */
  require(action: AccessAction): void {
    if (!this.#may(action, null)) throw refusal(this.caller, action);
  }

  /**
   * Throws `404` for a job that the caller may neither see nor do this to, and `403` for one that they only see.
   * Scopes that allow to change own jobs do not need to allow reading as well.
   */
  check(action: AccessAction, target: AccessTarget): void {
    if (this.#may(action, target)) return;
    if (action !== 'submit' && !this.sees(target)) throw new JobNotFound();
    throw refusal(this.caller, action);
  }

  /** Whether the caller may see the job; with null, whether they may see any. */
  sees(target: AccessTarget | null): boolean {
    return this.#may('read', target);
  }

  /** The tenant whose jobs the caller reaches; null: every tenant. */
  get reach(): string | null {
    return this.#range().tenant;
  }

  /** Throws `403` for a tenant, or for every tenant (null), that is beyond the caller's own reach. */
  requireWithin(tenant: string | null): void {
    const { reach } = this;
    if (reach !== null && reach !== tenant)
      throw new JobError(403, 'forbidden', 'You may only do this within your own tenant.');
  }

  /** Throws `403` where somebody else, such as the holder of a new key, would reach further than the caller. */
  requireCovers(other: Caller): void {
    this.requireWithin(other.tenant);
    this.requireWithin(new Permit(other, this.access).reach);
  }

  /** SQL takes null for every tenant, so what was forgotten must not become it. */
  #range(): AccessRange {
    const { tenant, owner } = this.access.range(this.caller);
    if ([tenant, owner].some((name: unknown) => name !== null && typeof name !== 'string'))
      throw new Error(
        'JobsAccess.range() must answer a tenant and an owner: a string each, or null for any.',
      );
    return { tenant, owner };
  }

  /** A credential for a single job lets nobody do more than look at that job, whatever the host's policy says. */
  #may(action: AccessAction, target: AccessTarget | null): boolean {
    const { job } = this.caller;
    if (job !== null && (action !== 'read' || (target && target.id !== job))) return false;
    // A host in plain JavaScript may answer a promise, which is no yes.
    const answer: unknown = this.access.may(this.caller, action, target);
    return answer === true;
  }
}

function refusal(caller: Caller, action: AccessAction): JobError {
  const scope = caller.job === null ? missingScope(caller, action) : 'jobs:write';
  if (scope) return new JobError(403, 'insufficient_scope', `This needs the scope ${scope}.`);
  return new JobError(403, 'forbidden', `You may not do this (${action}).`);
}

/** What reading a job or changing it asks of a permit. */
export type JobPermit = Pick<Permit, 'actor' | 'visibility' | 'check'>;

/** The permit of the application itself, which may do everything to the jobs of the range. */
export function applicationPermit(range: AccessRange, actor: Actor = APPLICATION): JobPermit {
  return { actor, visibility: () => ({ ...range, job: null }), check: () => undefined };
}
