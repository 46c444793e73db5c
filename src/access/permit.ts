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
 * The rights of the caller of a request. Created once when the request is authenticated, and passed to everything that
 * acts for it. Every question is put to `JobsAccess` again, within the limits of the credential, because its answer may
 * change.
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

  /** The jobs that SQL may read or change for the caller. Throws `403` when the action is allowed on no job. */
  visibility(action: AccessAction): Visibility {
    this.require(action);
    return { ...this.#range(), job: this.caller.job };
  }

  /** Throws `403` when the caller may not perform the action at all. */
  require(action: AccessAction): void {
    if (!this.#may(action, null)) throw refusal(this.caller, action);
  }

  /**
   * Throws `404` when the caller may neither see the job nor perform the action on it, and `403` when they may only see
   * it. Scopes that allow changing own jobs need not allow reading them.
   */
  check(action: AccessAction, target: AccessTarget): void {
    if (this.#may(action, target)) return;
    if (action !== 'submit' && !this.sees(target)) throw new JobNotFound();
    throw refusal(this.caller, action);
  }

  /** Whether the caller may see the job; with null, whether they may see any job. */
  sees(target: AccessTarget | null): boolean {
    return this.#may('read', target);
  }

  /** The tenant whose jobs the caller can reach; null means every tenant. */
  get reach(): string | null {
    return this.#range().tenant;
  }

  /** Throws `403` when the tenant (null: every tenant) is beyond the caller's reach. */
  requireWithin(tenant: string | null): void {
    const { reach } = this;
    if (reach !== null && reach !== tenant)
      throw new JobError(403, 'forbidden', 'You may only do this within your own tenant.');
  }

  /** Throws `403` when another caller, such as the holder of a new key, could reach further than this one. */
  requireCovers(other: Caller): void {
    this.requireWithin(other.tenant);
    this.requireWithin(new Permit(other, this.access).reach);
  }

  /** Checks the range, because null means every tenant in SQL and a forgotten field must not become null. */
  #range(): AccessRange {
    const { tenant, owner } = this.access.range(this.caller);
    if ([tenant, owner].some((name: unknown) => name !== null && typeof name !== 'string'))
      throw new Error(
        'JobsAccess.range() must return a tenant and an owner, each a string, or null for any.',
      );
    return { tenant, owner };
  }

  /** A credential for a single job only allows reading that job, whatever the host's policy says. */
  #may(action: AccessAction, target: AccessTarget | null): boolean {
    const { job } = this.caller;
    if (job !== null && (action !== 'read' || (target && target.id !== job))) return false;
    // A host in plain JavaScript may return a promise, which is truthy but not `true`.
    const answer: unknown = this.access.may(this.caller, action, target);
    return answer === true;
  }
}

function refusal(caller: Caller, action: AccessAction): JobError {
  const scope = caller.job === null ? missingScope(caller, action) : 'jobs:write';
  if (scope) return new JobError(403, 'insufficient_scope', `This needs the scope ${scope}.`);
  return new JobError(403, 'forbidden', `You may not do this (${action}).`);
}

/** The part of a permit that is needed to read or change a job. */
export type JobPermit = Pick<Permit, 'actor' | 'visibility' | 'check'>;

/** The permit of the application itself, which allows every action on the jobs of the range. */
export function applicationPermit(range: AccessRange, actor: Actor = APPLICATION): JobPermit {
  return { actor, visibility: () => ({ ...range, job: null }), check: () => undefined };
}
