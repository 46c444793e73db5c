import { Injectable } from '@nestjs/common';
import { everyTenant } from './every-tenant.ts';
import type { JobRef } from './job-columns.ts';
import { Database } from './database.ts';

/** A queued job to add to its Bull queue. */
export interface Offer extends JobRef {
  tenant: string;
  type: string;
  queue: string;
  /** When the offer is repeated unless it is confirmed: a Postgres timestamp with microseconds. */
  until: string;
  /** Whether it was made before. */
  again: boolean;
}

/** An offer that was not confirmed is repeated after this. */
const UNCONFIRMED_MS = 5_000;
/** A confirmed offer that nobody has claimed is made again after this: a no-op where it still waits in Bull. */
const CONFIRMED_MS = 60_000;
/** An offer that a worker gave back, because it is stopping or does not handle the type, is repeated after this. */
const GIVEN_BACK_MS = 1_000;
/** Most new offers, and most repeated offers, that one statement takes. */
const BATCH = 1_000;

/** Tracks which queued jobs were offered to Bull: an outbox in the job's own row. */
@Injectable()
export class JobOffers {
  constructor(private readonly database: Database) {}

  /** Makes jobs ready whose `runAt` has passed. */
  async promote(): Promise<void> {
    await this.database.query(
      `${everyTenant('relay')}UPDATE ${this.database.table('job')} SET stage = 'ready' WHERE id IN (
         SELECT id FROM ${this.database.table('job')} WHERE stage = 'later' AND run_at <= now()
         ORDER BY run_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    );
  }

  /**
   * Takes the rows to offer now: from each queue the first ready jobs by priority and time, as many as its window has
   * room for, and offers that were not confirmed or claimed in time. Concurrent dispatchers skip each other's rows.
   */
  async take(windows: { queue: string; window: number }[]): Promise<Offer[]> {
    const rows = await this.database.query<Offer[]>(
      `${everyTenant('relay')}WITH room AS (
         SELECT w.queue, w.window - (
           SELECT count(*) FROM (
             SELECT 1 FROM ${this.database.table('job')} o WHERE o.stage = 'offered' AND o.queue = w.queue LIMIT w.window
           ) waiting) AS free
         FROM json_to_recordset($1) AS w(queue text, "window" int)
       ), fresh AS (
         SELECT next.id FROM room, LATERAL (
           SELECT j.id FROM ${this.database.table('job')} j WHERE j.stage = 'ready' AND j.queue = room.queue
           ORDER BY j.priority DESC, j.run_at, j.id LIMIT greatest(0, least(room.free, ${BATCH})) FOR UPDATE SKIP LOCKED
         ) next
       ), stale AS (
         SELECT next.id FROM room, LATERAL (
           SELECT j.id FROM ${this.database.table('job')} j
           WHERE j.stage = 'offered' AND j.queue = room.queue AND j.offer_again_at <= now()
           ORDER BY j.offer_again_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
         ) next
       ), taken AS (
         UPDATE ${this.database.table('job')} j SET stage = 'offered', offer_again_at = now() + ${UNCONFIRMED_MS} * interval '1 ms'
         WHERE j.id IN (SELECT id FROM fresh UNION ALL SELECT id FROM stale)
         RETURNING j.id, j.version, j.tenant, j.type, j.queue, j.priority, j.run_at, j.offer_again_at::text AS until,
           j.id IN (SELECT id FROM stale) AS again
       ) SELECT id, version, tenant, type, queue, until, again FROM taken ORDER BY priority DESC, run_at, id`,
      [JSON.stringify(windows)],
    );
    return rows;
  }

  /** Marks offers as accepted by Bull, except those that were given back or became due again meanwhile. */
  async confirm(offers: Offer[]): Promise<void> {
    const until = `offer_again_at = now() + ${CONFIRMED_MS} * interval '1 ms'`;
    await this.#update(offers, until, 'AND j.offer_again_at = r.until');
  }

  /**
   * Gives back offers that this worker cannot run. They are repeated after 1 s, when Bull has removed the old entry.
   */
  async giveBack(offers: JobRef[]): Promise<void> {
    await this.#update(offers, `offer_again_at = now() + ${GIVEN_BACK_MS} * interval '1 ms'`);
  }

  /** Makes all offers due again, for a Redis that reconnected and may have lost data. */
  async offerEverythingAgain(): Promise<void> {
    await this.database.query(
      `${everyTenant('relay')}UPDATE ${this.database.table('job')} SET offer_again_at = now() WHERE id IN (
         SELECT id FROM ${this.database.table('job')} WHERE stage = 'offered' FOR UPDATE SKIP LOCKED)`,
    );
  }

  async #update(offers: JobRef[], set: string, and = ''): Promise<void> {
    await this.database.query(
      `${everyTenant('relay')}WITH target AS (
         SELECT j.id FROM ${this.database.table('job')} j
         JOIN json_to_recordset($1) AS r(id uuid, version int, until timestamptz)
           ON j.id = r.id AND j.version = r.version
         WHERE j.stage = 'offered' ${and} ORDER BY j.id FOR UPDATE OF j
       ) UPDATE ${this.database.table('job')} j SET ${set} FROM target t WHERE j.id = t.id`,
      [JSON.stringify(offers)],
    );
  }
}
