import { Injectable } from '@nestjs/common';
import { actingIn, type Actor } from '../job/actor.ts';
import { Events } from '../events/events.ts';
import { Batcher } from '../runtime/batcher.ts';
import { type Mark, type Revocable, RevocationStore } from '../store/revocation-store.ts';
import type { Caller } from './caller.ts';
import { marksOf } from './revoked-set.ts';

/** Revokes credentials before they expire. Every request asks; concurrent requests share one statement. */
@Injectable()
export class Revocations {
  readonly #checks = new Batcher<Mark[], boolean>((credentials) => this.#check(credentials));

  constructor(
    private readonly store: RevocationStore,
    private readonly events: Events,
  ) {}

  /** Whether the caller's credential was revoked. */
  isRevoked(caller: Caller): Promise<boolean> {
    return this.#checks.add(marksOf(caller));
  }

  /** Revokes everything issued until now. Resolves to the time of the revocation. */
  async revoke(revocable: Revocable, actor: Actor): Promise<Date> {
    const at = await this.store.add(revocable, actor);
    const { kind, tenant, value } = revocable;
    const by = actingIn(tenant || null, actor);
    const target = { kind, id: kind === 'tenant' ? tenant : value };
    const act = { ...by, action: 'revoke', target, detail: tenant ? { tenant } : {} } as const;
    this.events.tell({ name: 'accessChanged', act });
    return at;
  }

  async #check(credentials: Mark[][]): Promise<boolean[]> {
    const { revoked } = await this.store.check(credentials);
    return credentials.map((_marks, index) => revoked.has(index));
  }
}
