import { Inject, Injectable } from '@nestjs/common';
import { Batcher } from '../store/batcher.ts';
import { type Mark, type Revocable, RevocationStore } from '../store/revocation-store.ts';
import type { Caller } from './caller.ts';
import { marksOf } from './revoked-set.ts';

/** Ends credentials before they expire. Every request asks, all requests that come together in one statement. */
@Injectable()
export class Revocations {
  readonly #checks = new Batcher<Mark[], boolean>((credentials) => this.#check(credentials));

  constructor(@Inject(RevocationStore) private readonly store: RevocationStore) {}

  /** Whether the credential that the caller came with was revoked. */
  isRevoked(caller: Caller): Promise<boolean> {
    return this.#checks.add(marksOf(caller));
  }

  /** Refuses what was issued until now; resolves to the time that counts. */
  revoke(revocable: Revocable): Promise<Date> {
    return this.store.add(revocable);
  }

  async #check(credentials: Mark[][]): Promise<boolean[]> {
    const { revoked } = await this.store.check(credentials);
    return credentials.map((_marks, index) => revoked.has(index));
  }
}
