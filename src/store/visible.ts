import type { Visibility } from '../job/visibility.ts';

/**
 * The condition that a caller may see the job `j`. Every statement that reads or changes a job for a caller must have
 * it. Its parameters, `visibleTo()`, start at number `first`.
 */
export function isVisible(first: number): string {
  return `($${first}::text IS NULL OR j.tenant = $${first})
    AND ($${first + 1}::text IS NULL OR j.owner = $${first + 1})
    AND ($${first + 2}::uuid IS NULL OR j.id = $${first + 2})`;
}

/** The three parameters of `isVisible()`. */
export function visibleTo({ tenant, owner, job }: Visibility): (string | null)[] {
  return [tenant, owner, job];
}
