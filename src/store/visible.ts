import type { Visibility } from '../job/visibility.ts';

/**
 * The condition on a job `j` that somebody sees it, for every statement that reads or changes a job on somebody's
 * behalf. Its parameters, `visibleTo()`, begin with number `first`.
 */
export function isVisible(first: number): string {
  return `($${first}::text IS NULL OR j.tenant = $${first})
    AND ($${first + 1}::text IS NULL OR j.owner = $${first + 1})
    AND ($${first + 2}::uuid IS NULL OR j.id = $${first + 2})`;
}

/** The parameters of `isVisible()`, of which there are three. */
export function visibleTo({ tenant, owner, job }: Visibility): (string | null)[] {
  return [tenant, owner, job];
}
