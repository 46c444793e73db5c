// Somebody who watches one job, leaves and comes back at random, and keeps every frame.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { disorder } from '../event-stream.mjs';
import { Http } from '../http.mjs';

const COME_BACK_MS = [10, 300];
const STAY_MS = [5, 3_000];
/** Longer than an attempt of any job, its retries and every outage. */
const PATIENCE_MS = 180_000;

export class Viewer {
  /** Frames with an id of their own, over all connections. */
  frames = [];
  /** Answers by status, byes by reason, and connections that broke. */
  met = new Map();
  #id;
  #fleet;
  #token;
  #random;
  #query;
  #cursor;
  /** For complaints: what was asked for at each coming, and what came. */
  #visits = [];

  /** `cursor` null begins with a snapshot. */
  constructor({ id, fleet, token, random, query = '', cursor = null }) {
    this.#id = id;
    this.#fleet = fleet;
    this.#token = token;
    this.#random = random;
    this.#query = query;
    this.#cursor = cursor;
  }

  get ended() {
    return this.frames.at(-1)?.event === 'end';
  }

  /** Watches until the end was seen. */
  async watch() {
    const deadline = Date.now() + PATIENCE_MS;
    while (!this.ended && Date.now() < deadline) {
      await this.#come().catch(() => this.#count('connections that failed'));
      if (!this.ended) await delay(this.#random.integer(...COME_BACK_MS));
    }
  }

  /** What this viewer must never have seen, held against the job and a replay of all its changes. */
  complaints({ job, states, end }) {
    if (!this.ended) return [`no end, but ${this.#story()}`];
    const problems = [];
    const check = (what, compare) => {
      try {
        compare();
      } catch (error) {
        problems.push(`${what}: ${error.message.split('\n').slice(0, 12).join(' ')}; ${this.#story()}`);
      }
    };
    const [first] = this.frames;
    const seen = this.frames.filter(({ event }) => event === 'state');
    const since = Number.parseInt(first.event === 'snapshot' || first.event === 'end' ? first.id : '0.0', 10);
    check('ids', () => assert.equal(disorder(this.frames), null));
    check('changes', () =>
      assert.deepEqual(
        seen.map(({ data }) => data),
        states.filter(({ version }) => version > since),
      ),
    );
    check('ends', () => assert.equal(this.frames.filter(({ event }) => event === 'end').length, 1));
    check('end', () => assert.deepEqual(this.frames.at(-1).data, end));
    check('newest progress', () => assert.deepEqual(this.#newestProgress(job), job.progress));
    check('resets', () =>
      assert.deepEqual(
        this.frames.filter(({ event }) => event === 'reset'),
        [],
      ),
    );
    for (const [what] of this.met)
      if (/^status (?!200|204|503)/.test(what)) problems.push(`was answered ${what}`);
    return problems;
  }

  async #come() {
    const http = new Http(this.#random.pick(this.#fleet.urls), this.#token);
    const headers = this.#cursor === null ? {} : { 'last-event-id': this.#cursor };
    const stream = await http.open(`/jobs/${this.#id}/events${this.#query}`, { headers });
    this.#count(`status ${stream.status}`);
    const leave = setTimeout(() => stream.leave(), this.#random.integer(...STAY_MS));
    await stream.untilClosed(60_000).finally(() => {
      clearTimeout(leave);
      stream.leave();
    });
    if (stream.status !== 200) return;
    for (const { data } of stream.of('bye')) this.#count(`bye ${data.reason}`);
    this.frames.push(...stream.numbered);
    this.#visits.push(`after ${this.#cursor ?? 'nothing'}: ${stream.summary()}`);
    this.#cursor = stream.lastId ?? this.#cursor;
  }

  /** The progress of the last attempt as it was shown before the end; of a job that was over already, its end's. */
  #newestProgress(job) {
    const before = this.frames.slice(0, -1);
    if (before.length === 0) return job.progress;
    const shown = before.flatMap(({ event, data }) => {
      if (event === 'progress') return [data.progress];
      if (event === 'snapshot') return [data.job.progress];
      // A new attempt starts at no progress.
      return event === 'state' && data.status === 'active' ? [null] : [];
    });
    return shown.at(-1) ?? null;
  }

  #story() {
    return `it saw ${this.#visits.join('; ')}`;
  }

  #count(what) {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }
}
