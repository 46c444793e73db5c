import { EVERY_TENANT } from '../../../src/store/every-tenant.ts';

/** Rows of these are of a tenant; their history and log lines are as their job is. */
const OWN_COLUMN = ['job', 'audit', 'api_key', 'ticket', 'revocation'];
/** What is of no tenant. A table that is new has to be put on one of the lists. */
export const OF_NO_TENANT = ['migration', 'signing_key'];
export const OF_A_TENANT = [...OWN_COLUMN, 'job_change', 'job_log'];

const MARK = /^\/\* every tenant: (.+?) \*\//;
const INSERT = /INSERT INTO "jobs"\.(\w+)(?: AS \w+)? \(([^)]*)\)/g;
const TABLE = new RegExp(String.raw`"jobs"\.(?:${OF_A_TENANT.join('|')})\b`);
const PREDICATE = /\btenant = (?:\$\d|ANY\(\$\d|\w+\.tenant\b)/;

/** The reason for which a statement says that it touches every tenant; null where it says nothing. */
export function reasonOf(statement: string): string | null {
  return MARK.exec(statement)?.[1] ?? null;
}

/** What is wrong with a statement, in words; null where it keeps to a tenant, or has a reason not to. */
export function problemOf(statement: string): string | null {
  const reason = reasonOf(statement);
  if (reason !== null)
    return Object.values<string>(EVERY_TENANT).includes(reason)
      ? null
      : `"${reason}" is no reason on the list`;
  for (const [, table = '', columns = ''] of statement.matchAll(INSERT))
    if (OWN_COLUMN.includes(table) && !/\btenant\b/.test(columns))
      return `inserts into ${table} without a tenant`;
  const rest = statement.replaceAll(INSERT, '');
  return TABLE.test(rest) && !PREDICATE.test(rest) ? 'has no tenant in its WHERE or JOIN' : null;
}
