/**
 * The only reasons for which a statement may touch rows of every tenant. Any other statement on jobs, their history or
 * logs, the audit, keys, tickets or revocations must name the tenant. A test checks this in the log of Postgres
 * (docs/decisions/0008).
 */
export const EVERY_TENANT = {
  relay: 'queues and priorities decide what is offered next',
  claim: 'an offer names no tenant; the claimed row does',
  lease: 'leases expire by time, in every tenant',
  age: 'old rows are deleted by age',
  credential: 'the tenant is only known from the row of the credential',
  streams: 'a process has open streams of many tenants',
} as const;

/** The SQL comment that such a statement begins with, so that Postgres shows the reason together with the statement. */
export function everyTenant(reason: keyof typeof EVERY_TENANT): string {
  return `/* every tenant: ${EVERY_TENANT[reason]} */ `;
}
