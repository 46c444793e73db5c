/** What the contract says of who may do what, written down once more and apart from the code. */

/** Who a credential stands for. */
export interface Holder {
  tenant: string;
  subject: string;
  scopes: readonly string[];
  /** The only job that the credential is for; null for any. */
  only: string | null;
}

export interface Target {
  id: string;
  /** Null: nobody's; and the job that does not exist has no tenant either. */
  tenant: string | null;
  owner: string | null;
}

type Right = 'read' | 'write' | 'admin';

const GIVING: Record<Right, readonly string[]> = {
  read: ['jobs:read', 'jobs:tenant', 'jobs:admin'],
  write: ['jobs:write', 'jobs:admin'],
  admin: ['jobs:admin'],
};

export interface Rule {
  /** Null: everybody, without any credential. */
  needs: Right | null;
  /** What somebody gets who may; every job of the matrix has ended. */
  allowed: [status: number, code?: string];
  /** Concerns one job, in its path or in its body. */
  ofJob?: boolean;
  /** Takes tickets and cookies. */
  stream?: boolean;
  query?: string;
  body?: (id: string) => unknown;
  /** Shows every job that its caller may see. */
  lists?: boolean;
}

/** Of each route: what it needs, and what it answers then. A route that is missing here fails the matrix. */
export const RULES: Readonly<Record<string, Rule>> = {
  'POST /jobs': {
    needs: 'write',
    allowed: [422, 'unknown_job_type'],
    body: () => ({ type: 'no.such', payload: {} }),
  },
  'GET /jobs': { needs: 'read', allowed: [200], query: '?limit=100', lists: true },
  'GET /jobs/:id': { needs: 'read', allowed: [200], ofJob: true, query: '?include=payload' },
  'GET /jobs/:id/logs': { needs: 'read', allowed: [200], ofJob: true },
  'GET /jobs/:id/events': { needs: 'read', allowed: [200], ofJob: true, stream: true, query: '?logs=1' },
  'GET /jobs/events': { needs: 'read', allowed: [200], stream: true, lists: true },
  'POST /jobs/:id/cancel': { needs: 'write', allowed: [409, 'job_final'], ofJob: true },
  'POST /jobs/:id/retry': { needs: 'write', allowed: [409, 'job_not_retryable'], ofJob: true },
  'POST /tickets': { needs: 'read', allowed: [201], ofJob: true, body: (id) => ({ jobs: [id] }) },
  'POST /api-keys': { needs: 'admin', allowed: [400, 'invalid_request'], body: () => ({}) },
  'GET /api-keys': { needs: 'admin', allowed: [200] },
  'DELETE /api-keys/:id': { needs: 'admin', allowed: [404, 'api_key_not_found'] },
  'POST /revocations': { needs: 'admin', allowed: [400, 'invalid_request'], body: () => ({}) },
  'GET /audit': { needs: 'admin', allowed: [200] },
  'GET /health/live': { needs: null, allowed: [200] },
  'GET /health/ready': { needs: null, allowed: [200] },
  'GET /metrics': { needs: null, allowed: [200] },
  'GET /openapi.json': { needs: null, allowed: [200] },
  'GET /': { needs: null, allowed: [200] },
  // Not compiled where the service runs from its sources.
  'GET /client/:file': { needs: null, allowed: [404, 'not_found'] },
};

/** The files of the page, which hold no data. */
const PAGE_FILE: Rule = { needs: null, allowed: [200] };

export function ruleOf(method: string, path: string, pageFiles: ReadonlySet<string>): Rule | undefined {
  const known = method === 'HEAD' ? 'GET' : method;
  if (known === 'GET' && pageFiles.has(path)) return PAGE_FILE;
  return RULES[`${known} ${path}`];
}

export function mayUse({ scopes }: Holder, right: Right): boolean {
  return GIVING[right].some((scope) => scopes.includes(scope));
}

/** Tenant and owner decide; a job without an owner is nobody's, and one that is named is the only one. */
export function maySee(holder: Holder, { id, tenant, owner }: Target): boolean {
  if (tenant === null) return false;
  if (holder.only !== null) return holder.only === id;
  if (holder.scopes.includes('jobs:admin')) return true;
  if (holder.tenant !== tenant) return false;
  return holder.scopes.includes('jobs:tenant') || (owner !== null && owner === holder.subject);
}
