/**
 * Why a statement may touch the rows of every tenant: these are all the reasons that there are. Any other statement
 * that touches a job, its history or its log, the audit, a key, a ticket or a revocation names the tenant, which a test
 * reads from the log of Postgres (docs/decisions/0008).
 */
export const EVERY_TENANT = {
  relay: 'queues and priorities decide what is offered next',
  claim: 'an offer names no tenant, the row that it claims does',
  lease: 'a lease runs out by time alone',
  age: 'what is old enough goes',
  credential: 'the row tells whose credential it is',
  streams: 'the open streams of a process are of many tenants',
} as const;

/** The comment that such a statement begins with, so that Postgres shows the reason wherever it shows the statement. */
export function everyTenant(reason: keyof typeof EVERY_TENANT): string {
  return `/* every tenant: ${EVERY_TENANT[reason]} */ `;
}
