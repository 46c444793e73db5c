/** Which jobs somebody may see: those of a tenant, of an owner, or a single one; null stands for any. */
export interface Visibility {
  tenant: string | null;
  owner: string | null;
  job: string | null;
}

/** The application itself, which sees every job. */
export const EVERYTHING: Visibility = { tenant: null, owner: null, job: null };
