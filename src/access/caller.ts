import { isStorableText } from '../runtime/storable.ts';

const MAX_NAME = 255;

/** Who is calling, and what they may do. */
export interface Caller {
  tenant: string;
  subject: string;
  scopes: ReadonlySet<string>;
  /** When the credential expires: streams opened with it close then. Null: never. */
  expiresAt: Date | null;
  /** The only job that the credential is for; null for any. */
  job: string | null;
  /** When the credential was issued; without it, any revocation of the subject or the tenant covers it. */
  issuedAt?: Date;
  /** The id of the token (`jti`), by which it can be revoked. */
  tokenId?: string;
  /** The id of the API key that the caller came with, also where a ticket was made with it since. */
  apiKey?: string;
  /** When the credential was bound to `job`; without it, any revocation of the job covers it. */
  boundAt?: Date;
}

/** Whether it can be a scope: of any length, as it is the host's to say what its scopes are. */
export function isScope(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && isStorableText(value);
}

/** Whether it can name a tenant, a subject or a token: what a scope may be, but bounded. */
export function isName(value: unknown): value is string {
  return isScope(value) && value.length <= MAX_NAME;
}

/** A caller as a host names one. `tenant` and `subject` have 1 to 255 characters. */
export interface CallerInput {
  tenant: string;
  subject: string;
  scopes: Iterable<string>;
  /** When the session or token ends: streams that were opened with it close then. Default: never. */
  expiresAt?: Date | null;
  /**
   * When it began, and its id: by them it can be revoked alone. Default: unknown. The id stands in the audit and in
   * its log, so it must not be what proves the session.
   */
  issuedAt?: Date;
  tokenId?: string;
}

/**
 * The caller whom the host names; throws when that cannot be one, which is a fault of the host's. Hosts like to spread
 * their user object: only what is documented is taken of it.
 */
export function callerFrom(input: CallerInput): Caller {
  const { tenant, subject, scopes, expiresAt = null, issuedAt, tokenId } = input;
  const ensure = (isRight: boolean, what: string): void => {
    if (!isRight) throw new Error(`JobsAccess.authenticate() must answer ${what}.`);
  };
  ensure(isName(tenant) && isName(subject), 'a tenant and a subject of 1 to 255 characters');
  ensure(expiresAt === null || isDate(expiresAt), 'a valid Date as expiresAt, or null');
  ensure(issuedAt == null || isDate(issuedAt), 'a valid Date as issuedAt, or none');
  ensure(tokenId == null || isName(tokenId), 'a tokenId of 1 to 255 characters, or none');
  const names = new Set(scopes);
  ensure([...names].every(isScope), 'scopes that are strings, none of them empty or with U+0000');
  return {
    tenant,
    subject,
    scopes: names,
    expiresAt,
    job: null,
    issuedAt: issuedAt ?? undefined,
    tokenId: tokenId ?? undefined,
  };
}

function isDate(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime());
}

/** Where a credential comes from, by which it can be revoked. */
export type Origin = Pick<Caller, 'issuedAt' | 'tokenId' | 'apiKey'>;
