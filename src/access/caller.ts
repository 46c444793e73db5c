import { isStorableText } from '../runtime/storable.ts';

const MAX_NAME = 255;

/** Who is calling, and with which rights. */
export interface Caller {
  tenant: string;
  subject: string;
  scopes: ReadonlySet<string>;
  /** When the credential expires; its streams are closed then. Null: never. */
  expiresAt: Date | null;
  /** The only job that the credential may be used for; null for any. */
  job: string | null;
  /** When the credential was issued. If unknown, every revocation of the subject or the tenant covers it. */
  issuedAt?: Date;
  /** The id of the token (`jti`), so that this token can be revoked. */
  tokenId?: string;
  /** The id of the API key that was used, directly or to create the ticket. */
  apiKey?: string;
  /** When the credential was bound to `job`. If unknown, every revocation of the job covers it. */
  boundAt?: Date;
}

/** Whether the value can be a scope. The length is not limited because scopes are defined by the host. */
export function isScope(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && isStorableText(value);
}

/** Whether the value can name a tenant, a subject or a token: like a scope, with at most 255 characters. */
export function isName(value: unknown): value is string {
  return isScope(value) && value.length <= MAX_NAME;
}

/** A caller as the host's `JobsAccess` returns it. `tenant` and `subject` have 1 to 255 characters. */
export interface CallerInput {
  tenant: string;
  subject: string;
  scopes: Iterable<string>;
  /** When the session or token ends; its streams are closed then. Default: never. */
  expiresAt?: Date | null;
  /**
   * When the session or token began, and its id, by which it can be revoked individually. Default: unknown. The id is written to
   * the audit and its log, so it must not be the secret that proves the session.
   */
  issuedAt?: Date;
  tokenId?: string;
}

/**
 * Checks what the host's `authenticate()` returned, and throws when it is no valid caller. Only the documented fields
 * are copied, because hosts tend to spread their whole user object.
 */
export function callerFrom(input: CallerInput): Caller {
  const { tenant, subject, scopes, expiresAt = null, issuedAt, tokenId } = input;
  const ensure = (isRight: boolean, what: string): void => {
    if (!isRight) throw new Error(`JobsAccess.authenticate() must return ${what}.`);
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

/** What identifies the original credential when it is revoked. */
export type Origin = Pick<Caller, 'issuedAt' | 'tokenId' | 'apiKey'>;
