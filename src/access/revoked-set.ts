import type { Mark, Revocable, Revocation } from '../store/revocation-store.ts';
import type { Caller } from './caller.ts';

/** The marks of the caller's credential: one for each way to revoke it. */
export function marksOf({ tenant, subject, tokenId, apiKey, job, issuedAt, boundAt }: Caller): Mark[] {
  const since = issuedAt ?? null;
  return [
    { kind: 'tenant', tenant, value: '', since },
    { kind: 'subject', tenant, value: subject, since },
    ...mark('token', tokenId),
    ...mark('key', apiKey),
    ...mark('job', job, boundAt),
  ];
}

function mark(kind: Mark['kind'], value: string | null | undefined, since: Date | null = null): Mark[] {
  return value == null ? [] : [{ kind, tenant: '', value, since }];
}

/** Revocations in memory, indexed by what they revoke. */
export class RevokedSet {
  readonly #times = new Map<string, number>();

  constructor(revocations: readonly Revocation[] = []) {
    for (const revocation of revocations) this.add(revocation);
  }

  get size(): number {
    return this.#times.size;
  }

  add(revocation: Revocation): void {
    this.#times.set(keyOf(revocation), revocation.at.getTime());
  }

  has(revocable: Revocable): boolean {
    return this.#times.has(keyOf(revocable));
  }

  /** Whether a revocation covers one of the credential's marks. */
  covers(marks: readonly Mark[]): boolean {
    return marks.some((given) => (this.#times.get(keyOf(given)) ?? -1) >= (given.since?.getTime() ?? 0));
  }
}

function keyOf({ kind, tenant, value }: Revocable): string {
  return JSON.stringify([kind, tenant, value]);
}
