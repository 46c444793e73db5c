// What becomes of one job: how it is made, and what is done to it while it is watched.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_AGAIN_MS = 150;

/** Each kind of job: its share, its payload and what happens to it. */
const KINDS = {
  short: { share: 20, payload: (random) => ({ steps: random.integer(1, 5), stepMs: random.integer(0, 10) }) },
  long: { share: 20, payload: (random) => work(random) },
  talking: { share: 12, payload: (random) => ({ ...work(random), logEvery: random.integer(1, 3) }) },
  retried: { share: 14, payload: (random) => failing(random, { failAttempts: random.integer(1, 2) }) },
  failing: { share: 6, payload: (random) => failing(random, { permanent: true }) },
  exhausted: { share: 4, payload: (random) => failing(random), maxAttempts: 2 },
  cancelled: { share: 10, payload: (random) => ({ ...work(random), steps: 100 }), play: ['cancel'] },
  'cancelled while it waits': {
    share: 4,
    payload: (random) => work(random),
    dueMs: 4_000,
    play: ['cancel'],
  },
  'failed, then retried by hand': {
    share: 6,
    payload: (random) => failing(random, { permanent: true, failAttempts: 1 }),
    play: ['retry'],
  },
  'cancelled, then retried by hand': {
    share: 4,
    payload: (random) => work(random),
    play: ['cancel', 'retry', 'cancel', 'retry'],
  },
};

function work(random) {
  return { steps: random.integer(5, 60), stepMs: random.integer(5, 80), logEvery: 10 };
}

function failing(random, rest = {}) {
  const { steps, ...payload } = work(random);
  return { steps, ...payload, failAtStep: random.integer(1, steps), ...rest };
}

/** The tags by which feeds tell jobs apart. */
export const TAGS = ['red', 'blue'];

export class Story {
  /** True once nothing more will be asked for: the job's next end is its last. */
  told = false;
  problems = [];
  #caller;
  #random;

  constructor(caller, random) {
    this.#caller = caller;
    this.#random = random;
    this.kind = pickKind(random);
  }

  /** Submits the job; the key makes it the same one, however often the answer is lost. */
  async begin() {
    const { payload, maxAttempts = 10, dueMs = 0 } = KINDS[this.kind];
    const runAt = dueMs > 0 ? new Date(Date.now() + dueMs).toISOString() : undefined;
    const tags = [this.#random.pick(TAGS)];
    const body = { type: 'demo.steps', payload: payload(this.#random), maxAttempts, runAt, tags };
    const headers = { 'idempotency-key': randomUUID() };
    const answer = await this.#caller.ask('POST', '/jobs', { body, headers });
    if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${answer.text}`);
    this.id = answer.json().job.id;
    this.tag = tags[0];
  }

  async play() {
    for (const act of KINDS[this.kind].play ?? []) {
      if (act === 'retry') await this.#untilFinal();
      await delay(this.#random.integer(0, 1_500));
      const { status, text } = await this.#caller.ask('POST', `/jobs/${this.id}/${act}`);
      // 409: it was over before it was cancelled, or the answer to the first retry was lost.
      if (status !== 202 && status !== 409) this.problems.push(`${act} answered ${status}: ${text}`);
    }
    this.told = true;
  }

  async #untilFinal() {
    while (!(await this.#caller.job(this.id)).finishedAt) await delay(LOOK_AGAIN_MS);
  }
}

function pickKind(random) {
  const shares = Object.entries(KINDS).flatMap(([kind, { share }]) =>
    Array.from({ length: share }, () => kind),
  );
  return random.pick(shares);
}
