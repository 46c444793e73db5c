// Somebody who keeps a map of jobs by the feed, leaves and comes back at random.
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Visit } from './visit.mjs';

const COME_BACK_MS = [10, 500];
const STAY_MS = [50, 6_000];
/** How long the last visit waits for what it has not seen yet. */
const CALM_MS = 15_000;
/** The id of frames before the first `ready`. */
const UNFINISHED = '0';

/** What feeds ask for, and which jobs such a feed must show in the end. */
export const FEEDS = [
  { query: '', owes: () => true },
  { query: '?tag=red&heartbeat=event', owes: ({ tags }) => tags.includes('red') },
  { query: '?type=demo.steps&tag=blue', owes: ({ tags }) => tags.includes('blue') },
  { query: '?status=queued&status=active', owes: () => false },
];

export class FeedViewer {
  visits = [];
  problems = [];
  /** Jobs as a page would keep them: the newest version of each, without those that are gone. */
  #jobs = new Map();
  #caller;
  #random;
  #feed;
  #cursor = null;
  #watching = true;

  constructor(index, caller, random) {
    this.#feed = FEEDS[index % FEEDS.length];
    this.#caller = caller;
    this.#random = random;
  }

  /** Comes and goes until `stop()`. */
  async watch() {
    while (this.#watching) {
      await this.#come(this.#random.integer(...STAY_MS));
      await delay(this.#random.integer(...COME_BACK_MS));
    }
  }

  stop() {
    this.#watching = false;
  }

  /** Comes back when all is calm and compares what it knows with all jobs as they are. */
  async judge(jobs) {
    const owed = jobs.filter(this.#feed.owes);
    const deadline = Date.now() + CALM_MS;
    let wrong = this.#differences(owed);
    do {
      await this.#come(1_000);
      wrong = this.#differences(owed);
    } while (wrong.length > 0 && Date.now() < deadline);
    const { query } = this.#feed;
    return [...this.problems, ...wrong].map((problem) => `feed ${query || 'of everything'}: ${problem}`);
  }

  #differences(owed) {
    const wrong = owed
      .filter((job) => !isDeepStrictEqual(this.#jobs.get(job.id), job))
      .map(({ id, status, version }) => {
        const known = this.#jobs.get(id);
        return `job ${id} is ${status} ${version}, but known as ${known ? `${known.status} ${known.version}` : 'nothing'}`;
      });
    const ids = new Set(owed.map(({ id }) => id));
    const others = [...this.#jobs.keys()].filter((id) => !ids.has(id));
    return [...wrong, ...others.map((id) => `job ${id} is still there as ${this.#jobs.get(id).status}`)];
  }

  async #come(stayMs) {
    const path = `/jobs/events${this.#feed.query}`;
    const visit = await Visit.make(this.#caller, path, { cursor: this.#cursor, stayMs });
    this.visits.push(visit);
    const versions = new Map();
    for (const frame of visit.events) this.#take(frame, versions, visit);
    if (visit.events.filter(({ event }) => event === 'ready').length > 1) this.problems.push('ready twice');
    this.#cursor = visit.cursor;
    // Frames of whole jobs are large, and have been taken in.
    visit.frames = visit.frames.map(({ data, ...frame }) =>
      frame.event === 'job' ? frame : { ...frame, data },
    );
  }

  #take({ event, id, data }, versions, { asked }) {
    if (!/^\d+$/.test(id ?? '')) this.problems.push(`${event} has the id ${id}`);
    if (event === 'reset') this.#forget(asked);
    if (event === 'gone') this.#jobs.delete(data.id);
    if (event !== 'job') return;
    const { job } = data;
    if (job.version < (versions.get(job.id) ?? 0))
      this.problems.push(`job ${job.id} goes back to ${job.version} on one connection`);
    versions.set(job.id, job.version);
    const known = this.#jobs.get(job.id);
    if (!known || known.version <= job.version) this.#jobs.set(job.id, job);
  }

  /** Only a first state that was cut off cannot be gone on with. */
  #forget(asked) {
    if (asked !== UNFINISHED) this.problems.push(`a reset for the cursor ${asked}`);
    this.#jobs.clear();
  }
}
