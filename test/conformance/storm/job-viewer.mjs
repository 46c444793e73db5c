// Somebody who watches one job, leaves and comes back at random, and keeps every frame.
import { setTimeout as delay } from 'node:timers/promises';
import { Visit } from './visit.mjs';

const COME_BACK_MS = [10, 300];
/** After an attempt to connect that failed. */
const TRY_AGAIN_MS = [300, 1_000];
const STAY_MS = [5, 3_000];
/** How many of a hundred visits last until the service closes. */
const LASTING = 35;
/** Longer than an attempt of any job, its retries and every outage. */
const PATIENCE_MS = 240_000;
/** How a viewer may begin. */
const BEGINNINGS = [{}, { cursor: '0.0' }, { query: '?logs=1&heartbeat=event' }];

export class JobViewer {
  visits = [];
  /** Whether it was told 204 with the last id of a job that nothing more is done to. */
  dismissed = false;
  #story;
  #caller;
  #random;
  #cursor;

  constructor(story, caller, random, index) {
    const { cursor = null, query = '' } = BEGINNINGS[index % BEGINNINGS.length];
    this.#story = story;
    this.#caller = caller;
    this.#random = random;
    this.#cursor = cursor;
    this.query = query;
  }

  get frames() {
    return this.visits.flatMap(({ numbered }) => numbered);
  }

  /** Watches until told to stop, as an `EventSource` does that comes back after the end as well. */
  async watch() {
    const deadline = Date.now() + PATIENCE_MS;
    await delay(this.#random.integer(0, 300));
    while (!this.dismissed && Date.now() < deadline) {
      const { told } = this.#story;
      const visit = await this.#come();
      this.dismissed = told && visit.status === 204;
      const pauseMs = visit.status === 0 ? TRY_AGAIN_MS : COME_BACK_MS;
      if (!this.dismissed) await delay(this.#random.integer(...pauseMs));
    }
  }

  async #come() {
    const random = this.#random;
    const stayMs = random.integer(1, 100) <= LASTING ? Infinity : random.integer(...STAY_MS);
    const path = `/jobs/${this.#story.id}/events${this.query}`;
    const visit = await Visit.make(this.#caller, path, { cursor: this.#cursor, stayMs });
    this.visits.push(visit);
    this.#cursor = visit.cursor;
    return visit;
  }
}
