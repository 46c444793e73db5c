/** Which jobs a caller may see, by tenant, owner and id; null means any. */
export interface Visibility {
  tenant: string | null;
  owner: string | null;
  job: string | null;
}

/** For the application itself, which may see every job. */
export const EVERYTHING: Visibility = { tenant: null, owner: null, job: null };
