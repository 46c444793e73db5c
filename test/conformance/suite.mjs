// What rules have in common: the service, the jobs they make, and cleaning up after each rule.
import { setTimeout as delay } from 'node:timers/promises';

/** Waits longer than any run, so that the job stays queued. */
export const LATER = '2100-01-01T00:00:00.000Z';
/** A job whose first attempt fails: versions 1 to 5, progress and log lines in both attempts. */
const RETRIED = { steps: 40, stepMs: 10, failAtStep: 20, failAttempts: 1, logEvery: 10 };

const SHOWN_EXCHANGES = 3;

/** A rule that does not apply to this service says why. */
export class Skipped extends Error {}

/** What one rule works with. `close()` leaves its streams and cancels its jobs. */
export class Scene {
  #open = [];
  #jobs = [];
  #memory;

  /** `memory` is shared by all rules of a run: jobs that several of them look at. */
  constructor(http, memory, options) {
    this.http = http;
    this.#memory = memory;
    this.heartbeatMs = options.heartbeatMs;
    /** Null where it is not known. */
    this.maxAgeMs = options.maxAgeMs;
    this.distance = options.distance;
    this.skip = (why) => {
      throw new Skipped(why);
    };
  }

  get(path, options) {
    return this.http.call('GET', path, options);
  }

  /** Submits a `demo.steps`; resolves to the answer's body. */
  async submit(payload, rest = {}) {
    const body = { type: 'demo.steps', payload, ...rest };
    const answer = await this.http.call('POST', '/jobs', { body });
    if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${answer.text}`);
    const submitted = answer.json();
    this.#jobs.push(submitted.job.id);
    return submitted;
  }

  async steps(payload, rest) {
    return (await this.submit(payload, rest)).job.id;
  }

  waiting(rest = {}) {
    return this.steps({ steps: 1, stepMs: 0 }, { runAt: LATER, ...rest });
  }

  /** A job that has reported progress and goes on until it is cancelled. */
  async running(payload = {}) {
    const id = await this.steps({ steps: 10_000, stepMs: 50, ...payload });
    const stream = await this.stream(id);
    await stream.untilEvent('progress', 60_000);
    stream.leave();
    return id;
  }

  /** When a job is due that begins once its viewers are there, by the clock of the service. */
  soon(milliseconds) {
    const { aheadMs, roundTripMs } = this.distance;
    return new Date(Date.now() + aheadMs + milliseconds + 8 * roundTripMs).toISOString();
  }

  /** What the rule asked last, and what it was answered: for who has to find out why it failed. */
  lastExchanges() {
    return this.http.exchanges.slice(-SHOWN_EXCHANGES).map((tell) => tell());
  }

  async job(id) {
    return (await this.get(`/jobs/${id}`)).json();
  }

  cancel(id) {
    return this.http.call('POST', `/jobs/${id}/cancel`);
  }

  async retry(id) {
    const answer = await this.http.call('POST', `/jobs/${id}/retry`);
    if (answer.status !== 202) throw new Error(`The retry answered ${answer.status}: ${answer.text}`);
  }

  /** Opens the job's stream; throws unless it is one. `query` begins with a question mark. */
  async stream(id, query = '', options = {}) {
    return this.#streamOf(`/jobs/${id}/events${query}`, options);
  }

  async feed(query = '', options = {}) {
    return this.#streamOf(`/jobs/events${query}`, options);
  }

  /** A stream that has ended by itself. */
  async whole(id, query = '', options = {}) {
    const stream = await this.stream(id, query, options);
    await stream.untilClosed(60_000);
    return stream;
  }

  /** Follows the job until it is final. */
  async ended(id) {
    const stream = await this.whole(id);
    if (stream.events.at(-1)?.event !== 'end') throw new Error(`No end: ${stream.summary()}`);
    return stream.events.at(-1).data.job;
  }

  /** Sends `text` over a connection of its own. */
  raw(text) {
    const connection = this.http.raw(text);
    this.#open.push(connection);
    return connection;
  }

  /** A job with a failed first attempt that has ended, and its whole stream from `0.0` on, with logs. */
  retried() {
    return this.#once('retried', async () => {
      const id = await this.steps(RETRIED, { runAt: this.soon(1_000) });
      const stream = await this.whole(id, '?after=0.0&logs=1');
      return { id, stream };
    });
  }

  #once(name, make) {
    if (!this.#memory.has(name)) this.#memory.set(name, make());
    return this.#memory.get(name);
  }

  async #streamOf(path, options) {
    const stream = await this.http.open(path, options);
    this.#open.push(stream);
    if (stream.status !== 200) {
      await stream.untilClosed();
      throw new Error(`GET ${path} answered ${stream.status}: ${stream.text}`);
    }
    return stream;
  }

  leaveStreams() {
    for (const stream of this.#open.splice(0)) stream.leave();
  }

  async close() {
    this.leaveStreams();
    // Jobs that have ended answer 409, which is just as well.
    await Promise.all(this.#jobs.splice(0).map((id) => this.cancel(id).catch(() => undefined)));
  }
}

/** How far away the service is: the time of a request and its answer, and by how much its clock is ahead of ours. */
export async function distanceTo(http) {
  const body = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
  const asked = Date.now();
  const answer = await http.call('POST', '/jobs', { body });
  const answered = Date.now();
  // The rules will say what is wrong with the answer.
  if (answer.status !== 202) return { roundTripMs: 0, aheadMs: 0 };
  const { id, createdAt } = answer.json().job;
  await http.call('POST', `/jobs/${id}/cancel`);
  return { roundTripMs: answered - asked, aheadMs: Date.parse(createdAt) - (asked + answered) / 2 };
}

/** Repeats a check until it passes; throws its last error after `timeoutMs`. */
export async function eventually(check, timeoutMs = 10_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await delay(50);
  }
}
