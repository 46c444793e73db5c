import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Injectable } from '@nestjs/common';
import { HandlerRegistry } from '../handlers/handler-registry.ts';
import type { Job } from '../job/job.ts';
import { Batcher } from '../runtime/batcher.ts';
import type { ClaimedJob, JobRef } from '../store/job-columns.ts';
import { JobMoves, type Settlement } from '../store/job-moves.ts';
import { JobOffers } from '../store/job-offers.ts';

/** The worker's changes of rows. Concurrent claims, and concurrent settlements, share one statement. */
@Injectable()
export class GatheredMoves {
  readonly #worker = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  readonly #claims = new Batcher<JobRef, ClaimedJob | null>((refs) =>
    this.moves.claim(refs, this.registry.types, this.#worker),
  );
  readonly #settlements = new Batcher((settlements: Settlement[]) => this.moves.settle(settlements));

  constructor(
    private readonly moves: JobMoves,
    private readonly offers: JobOffers,
    private readonly registry: HandlerRegistry,
  ) {}

  /** Claims the job; null when it no longer has the offered version, or has a type that this worker does not handle. */
  claim(ref: JobRef): Promise<ClaimedJob | null> {
    return this.#claims.add(ref);
  }

  /** The settled job; null when it had been taken away from this worker. */
  settle(settlement: Settlement): Promise<Job | null> {
    return this.#settlements.add(settlement);
  }

  giveBack(ref: JobRef): Promise<void> {
    return this.offers.giveBack([ref]);
  }
}
