// Submits jobs, has each of them watched, and holds what was seen against the jobs.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Http } from '../http.mjs';
import { Viewer } from './viewer.mjs';

/** Jobs that are watched at a time. */
const WINDOW = 60;
const TRY_AGAIN_MS = 100;
const TRIES = 600;
/** How a viewer may begin: with a snapshot, from the first change on, with log lines. */
const BEGINNINGS = [{}, { cursor: '0.0' }, { query: '?logs=1' }];

export class Load {
  jobs = 0;
  viewers = 0;
  broken = 0;
  problems = [];
  /** Frames by event, and what viewers met, by name. */
  frames = new Map();
  connections = new Map();
  #watched = [];
  #fleet;
  #token;
  #random;
  #perJob;

  constructor(fleet, token, random, perJob) {
    this.#fleet = fleet;
    this.#token = token;
    this.#random = random;
    this.#perJob = perJob;
  }

  /** Resolves when every viewer of every job has seen its end, or given up. */
  async run(count) {
    const lane = async () => {
      while (this.jobs < count) {
        this.jobs += 1;
        await this.#watchOne();
      }
    };
    await Promise.all(Array.from({ length: Math.min(WINDOW, count) }, lane));
  }

  /** Compares what each viewer saw with the job and its whole replay; call it when all is calm. */
  async verify() {
    const http = new Http(this.#fleet.urls[0], this.#token);
    for (const { id, viewers } of this.#watched) {
      const truth = await this.#truthOf(http, id);
      for (const viewer of viewers) this.#judge(id, viewer, truth);
    }
  }

  async #watchOne() {
    const id = await this.#submit();
    const viewers = Array.from({ length: this.#perJob }, (_, index) => {
      const beginning = BEGINNINGS[index % BEGINNINGS.length];
      return new Viewer({ id, fleet: this.#fleet, token: this.#token, random: this.#random, ...beginning });
    });
    this.#watched.push({ id, viewers });
    this.viewers += viewers.length;
    await Promise.all(viewers.map((viewer) => viewer.watch()));
  }

  /** The key makes it the same job, however often the answer is lost. */
  async #submit() {
    const headers = { 'idempotency-key': randomUUID() };
    const body = { type: 'demo.steps', payload: this.#payload(), maxAttempts: 10 };
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const http = new Http(this.#random.pick(this.#fleet.urls), this.#token);
      const answer = await http.call('POST', '/jobs', { body, headers }).catch(() => null);
      if (answer?.status === 202) return answer.json().job.id;
      if (answer && answer.status !== 503)
        this.problems.push(`POST /jobs answered ${answer.status}: ${answer.text}`);
      await delay(TRY_AGAIN_MS);
    }
    throw new Error('No API took the job.');
  }

  #payload() {
    const random = this.#random;
    const steps = random.integer(1, 60);
    const kind = random.integer(1, 10);
    const failing = { failAtStep: random.integer(1, steps), failAttempts: random.integer(1, 2) };
    const fate = kind <= 6 ? {} : kind <= 9 ? failing : { ...failing, permanent: true };
    return { steps, stepMs: random.integer(0, 100), logEvery: 5, ...fate };
  }

  async #truthOf(http, id) {
    const job = (await http.call('GET', `/jobs/${id}`)).json();
    const replay = await http.open(`/jobs/${id}/events?after=0.0`);
    // A job that did not end has a stream that does not either.
    if (job.finishedAt) await replay.untilClosed();
    else await delay(1_000);
    replay.leave();
    const states = replay.of('state').map(({ data }) => data);
    const end = replay.events.at(-1)?.data;
    const { status } = await http.call('HEAD', `/jobs/${id}/events?after=${job.version}.0`);
    return { job, states, end, status };
  }

  #judge(id, viewer, truth) {
    const problems = viewer.complaints(truth);
    const { job, states, end, status } = truth;
    if (status !== 204) problems.push(`status ${status}, not 204, for who has the end`);
    if (states.length !== job.version - 1)
      problems.push(`a replay of ${states.length} states and version ${job.version}`);
    try {
      assert.deepEqual(end, { job });
    } catch {
      problems.push('the end of the replay is not the job');
    }
    if (problems.length > 0) this.broken += 1;
    this.problems.push(...problems.map((problem) => `job ${id}: ${problem}`));
    for (const { event } of viewer.frames) this.frames.set(event, (this.frames.get(event) ?? 0) + 1);
    for (const [what, count] of viewer.met)
      this.connections.set(what, (this.connections.get(what) ?? 0) + count);
  }
}
