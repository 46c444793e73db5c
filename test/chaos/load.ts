import { setTimeout as delay } from 'node:timers/promises';
import { send } from '../support/http.ts';
import type { Lab, SubmitOptions } from '../faults/lab/lab.ts';
import type { Fleet } from './fleet.ts';
import type { Random } from './random.ts';

/** Milliseconds between two submits: about 8 a second. */
const PACE_MS = 120;
/** Every so many-th job is watched. */
const WATCHED = 15;
const MAX_VIEWERS = 200;

/** Submits jobs of every kind until it is stopped; some are cancelled, some retried by hand, some watched. */
export class Load {
  refused = 0;
  cancels = 0;
  retries = 0;
  #stopped = false;
  readonly #pending = new Set<Promise<void>>();
  readonly #running: Promise<void>;

  constructor(
    private readonly lab: Lab,
    private readonly fleet: Fleet,
    private readonly random: Random,
  ) {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#pending);
  }

  async #run(): Promise<void> {
    for (let number = 1; !this.#stopped; number += 1) {
      const one = this.#submit(number).finally(() => this.#pending.delete(one));
      this.#pending.add(one);
      await delay(PACE_MS);
    }
  }

  async #submit(number: number): Promise<void> {
    const { options, later } = this.#kind();
    const { url } = this.random.pick(this.fleet.of('api'));
    const beforehand = this.random.integer(0, 1_500);
    let id: string;
    try {
      id = await this.lab.submit(url, options);
    } catch {
      // Only what was answered 202 counts as accepted.
      this.refused += 1;
      return;
    }
    if (number % WATCHED === 0 && this.lab.viewers.length < MAX_VIEWERS) this.#watch(id, number);
    if (later) {
      await delay(beforehand);
      await this.#ask(id, later);
    }
  }

  /** Viewers come back to another process than the one that they lost. */
  #watch(id: string, number: number): void {
    const apis = this.fleet.of('api');
    let turn = number;
    this.lab.watch(id, () => apis[turn++ % apis.length]?.url ?? '');
  }

  #kind(): { options: SubmitOptions; later?: 'cancel' | 'retry' } {
    const { random } = this;
    const work = {
      steps: random.integer(1, 10),
      stepMs: random.integer(0, 100),
      ignoreAbort: random.chance(0.1),
    };
    const kind = random.integer(1, 100);
    if (kind <= 55) return { options: work };
    if (kind <= 70) return { options: { ...work, failAttempts: random.integer(1, 3) } };
    if (kind <= 75) return { options: { ...work, permanent: true, endings: ['failed'] } };
    if (kind <= 80) return { options: { ...work, permanent: true, endings: ['failed'] }, later: 'retry' };
    if (kind <= 90) {
      const runAt = new Date(Date.now() + random.integer(0, 10_000)).toISOString();
      return { options: { ...work, runAt } };
    }
    return { options: { ...work, steps: 20, endings: ['completed', 'cancelled'] }, later: 'cancel' };
  }

  /** Asked once: an API process that is gone, or a job that is not there yet, makes it a job like any other. */
  async #ask(id: string, what: 'cancel' | 'retry'): Promise<void> {
    const { url } = this.random.pick(this.fleet.of('api'));
    const answer = await send(`${url}/jobs/${id}/${what}`, { method: 'POST', token: this.lab.token }).catch(
      () => null,
    );
    if (answer?.status !== 202) return;
    if (what === 'cancel') this.cancels += 1;
    else this.retries += 1;
  }
}
