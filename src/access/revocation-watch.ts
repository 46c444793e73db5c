import { Injectable } from '@nestjs/common';
import { ResolvedOptions } from '../jobs.options.ts';
import { Loop } from '../runtime/loop.ts';
import { Outage } from '../runtime/outage.ts';
import { type Mark, type Revocation, RevocationStore } from '../store/revocation-store.ts';
import type { Caller } from './caller.ts';
import { marksOf, RevokedSet } from './revoked-set.ts';

/** Half of the second within which a stream has to end. */
const LOOK_MS = 500;
const PAGE = 1_000;
const CONTEXT = 'Jobstream revocations';

/** An open stream, as far as revocations concern it. */
export interface RevocableStream {
  caller: Caller;
  /** The job whose stream it is; null: a feed. */
  job: string | null;
  /** Ends it; called once at most. */
  revoke(): void;
}

/** A stream that is watched. */
export interface WatchedStream {
  /** Whether its credential is known to be revoked: from memory, so it may be asked before every heartbeat. */
  isRevoked(): boolean;
  stop(): void;
}

interface Watched extends RevocableStream {
  marks: Mark[];
}

/**
 * Ends open streams whose credential is revoked, whichever process was told. While streams are open, it reads
 * what was revoked since it last looked, from Postgres alone.
 */
@Injectable()
export class RevocationWatch {
  /** Streams stay open while Postgres is away; the next look makes up for it. */
  readonly #looks = new Loop(() => this.#look(), {
    everyMs: LOOK_MS,
    outage: new Outage(CONTEXT, 'Revocations are read again'),
    failed: 'Revocations cannot be read; open streams are not ended meanwhile',
  });
  readonly #endings = new Outage(CONTEXT, 'Streams are ended again');
  readonly #streams = new Set<Watched>();
  /** Streams that were opened since the last look: their guard may have asked before the revocation. */
  readonly #unchecked = new Set<Watched>();
  /** Revocations that streams which are open now may still meet: those of the last age of a stream or two. */
  #recent = new RevokedSet();
  #earlier = new RevokedSet();
  #turnedAt = 0;
  /** Everything up to this number has been applied to every stream but the unchecked; null: nobody watches. */
  #seen: string | null = null;

  constructor(
    private readonly store: RevocationStore,
    private readonly options: ResolvedOptions,
  ) {}

  /** Watches a stream that is open, until it is stopped. */
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

  /** Streams that open meanwhile are checked right after, as each of them wakes the loop. */
  async #look(): Promise<void> {
    const fresh = [...this.#unchecked];
    if (this.#seen === null || fresh.length > 0) await this.#check(fresh);
    while (this.#seen !== null) {
      const revocations = await this.store.after(this.#seen, PAGE);
      this.#apply(revocations);
      if (revocations.length < PAGE) return;
    }
  }

  /** A check covers everything that was revoked before it; what comes after it is read by number. */
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
      // Whoever follows a revoked job is sent away once; a credential that names no job may come back.
      const ofJob = watched.job !== null && added.has({ kind: 'job', tenant: '', value: watched.job });
      if (ofJob || added.covers(watched.marks)) this.#revoke(watched);
    }
  }

  #remember(revocations: Revocation[]): void {
    const now = Date.now();
    // A stream lives for its age and 15 %; what is older than two such turns is gone with its streams.
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
      // The others are ended all the same.
      this.#endings.told('Ending a revoked stream failed', error);
    }
  }
}
