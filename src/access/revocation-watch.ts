import { Injectable } from '@nestjs/common';
import { ResolvedOptions } from '../jobs.options.ts';
import { Loop } from '../runtime/loop.ts';
import { Outage } from '../runtime/outage.ts';
import { type Mark, type Revocation, RevocationStore } from '../store/revocation-store.ts';
import type { Caller } from './caller.ts';
import { marksOf, RevokedSet } from './revoked-set.ts';

/** Half of the 1 s within which a revoked stream must end. */
const LOOK_MS = 500;
const PAGE = 1_000;
const CONTEXT = 'Jobstream revocations';

/** An open stream, as far as revocations concern it. */
export interface RevocableStream {
  caller: Caller;
  /** The job whose stream it is; null for a feed. */
  job: string | null;
  /** Ends the stream; called at most once. */
  revoke(): void;
}

/** A handle to a watched stream. */
export interface WatchedStream {
  /** Whether the credential is known to be revoked. Reads only memory, so it may be called before every heartbeat. */
  isRevoked(): boolean;
  stop(): void;
}

interface Watched extends RevocableStream {
  marks: Mark[];
}

/**
 * Ends open streams whose credential is revoked, whichever process revoked it. While streams are open, it reads new
 * revocations from Postgres; Redis is not involved.
 */
@Injectable()
export class RevocationWatch {
  /**
   * Streams stay open while Postgres is unavailable; the next successful look ends those that were revoked meanwhile.
   */
  readonly #looks = new Loop(() => this.#look(), {
    everyMs: LOOK_MS,
    outage: new Outage(CONTEXT, 'Revocations are read again'),
    failed: 'Revocations cannot be read; open streams are not ended meanwhile',
  });
  readonly #endings = new Outage(CONTEXT, 'Streams are ended again');
  readonly #streams = new Set<Watched>();
  /** Streams opened since the last look. Their guard may have checked the credential just before it was revoked. */
  readonly #unchecked = new Set<Watched>();
  /** Recent revocations that may cover open streams, kept for one to two maximum stream ages in two generations. */
  #recent = new RevokedSet();
  #earlier = new RevokedSet();
  #turnedAt = 0;
  /**
   * Revocations up to this number have been applied to all streams except the unchecked ones. Null while no stream is
   * open.
   */
  #seen: string | null = null;

  constructor(
    private readonly store: RevocationStore,
    private readonly options: ResolvedOptions,
  ) {}

  /** Watches an open stream until its `stop()` is called. */
  watch(stream: RevocableStream): WatchedStream {
    const watched = { ...stream, marks: marksOf(stream.caller) };
    this.#streams.add(watched);
    this.#unchecked.add(watched);
    this.#looks.start();
    this.#looks.wake();
    return {
      isRevoked: () => this.#recent.covers(watched.marks) || this.#earlier.covers(watched.marks),
      stop: () => this.#forget(watched),
    };
  }

  #forget(watched: Watched): void {
    this.#unchecked.delete(watched);
    if (!this.#streams.delete(watched) || this.#streams.size > 0) return;
    void this.#looks.stop();
    this.#seen = null;
  }

  /** Streams that open during a look wake the loop, so the next look checks them. */
  async #look(): Promise<void> {
    const fresh = [...this.#unchecked];
    if (this.#seen === null || fresh.length > 0) await this.#check(fresh);
    while (this.#seen !== null) {
      const revocations = await this.store.after(this.#seen, PAGE);
      this.#apply(revocations);
      if (revocations.length < PAGE) return;
    }
  }

  /** Checks new streams against all revocations so far; later revocations are then read by number. */
  async #check(fresh: Watched[]): Promise<void> {
    const { revoked, newest } = await this.store.check(fresh.map(({ marks }) => marks));
    this.#seen ??= newest;
    for (const [index, watched] of fresh.entries()) {
      this.#unchecked.delete(watched);
      if (revoked.has(index)) this.#revoke(watched);
    }
  }

  #apply(revocations: Revocation[]): void {
    const last = revocations.at(-1);
    if (!last) return;
    this.#seen = last.number;
    const added = new RevokedSet(revocations);
    this.#remember(revocations);
    for (const watched of this.#streams) {
      // Streams of a revoked job end once. A credential that is not bound to the job may reconnect.
      const ofJob = watched.job !== null && added.has({ kind: 'job', tenant: '', value: watched.job });
      if (ofJob || added.covers(watched.marks)) this.#revoke(watched);
    }
  }

  #remember(revocations: Revocation[]): void {
    const now = Date.now();
    // A stream lives for at most `maxAgeMs` plus 15 %. After two such periods, no stream is left that a revocation
    // could cover.
    if (now - this.#turnedAt > this.options.stream.maxAgeMs * 1.15) {
      this.#earlier = this.#recent;
      this.#recent = new RevokedSet();
      this.#turnedAt = now;
    }
    for (const revocation of revocations) this.#recent.add(revocation);
  }

  #revoke(watched: Watched): void {
    this.#forget(watched);
    try {
      watched.revoke();
      this.#endings.over();
    } catch (error) {
      // The other streams must still be ended.
      this.#endings.told('Ending a revoked stream failed', error);
    }
  }
}
