import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Visibility } from '../job/visibility.ts';

export const SCOPES = ['jobs:read', 'jobs:write', 'jobs:tenant', 'jobs:admin'] as const;
export type Scope = (typeof SCOPES)[number];

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

type Origin = Pick<Caller, 'issuedAt' | 'tokenId' | 'apiKey'>;

/** What is known of where a credential comes from, without the parts that are not. */
export function originOf(known: { [Part in keyof Origin]: Origin[Part] | null | undefined }): Origin {
  const { issuedAt, tokenId, apiKey } = known;
  return {
    ...(issuedAt == null ? {} : { issuedAt }),
    ...(tokenId == null ? {} : { tokenId }),
    ...(apiKey == null ? {} : { apiKey }),
  };
}

const CALLER = Symbol('jobstream:caller');

interface Carrier {
  [CALLER]?: Caller;
}

export function setCaller(request: object, caller: Caller): void {
  (request as Carrier)[CALLER] = caller;
}

export function callerOf(request: object): Caller {
  const caller = (request as Carrier)[CALLER];
  if (!caller) throw new Error('The route lacks AccessGuard: no caller was authenticated.');
  return caller;
}

/** The authenticated caller of the request. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<object>()),
);

/** The jobs that the caller may see: their own, their tenant's with `jobs:tenant`, all with `jobs:admin`. */
export function visibilityOf({ tenant, subject, scopes, job }: Caller): Visibility {
  if (scopes.has('jobs:admin')) return { tenant: null, owner: null, job };
  return { tenant, owner: scopes.has('jobs:tenant') ? null : subject, job };
}
