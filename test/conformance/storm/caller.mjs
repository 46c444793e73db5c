// What a patient client of the service does: any address, again until there is an answer.
import { setTimeout as delay } from 'node:timers/promises';
import { Http } from '../http.mjs';

const TRY_AGAIN_MS = 100;
const TRIES = 600;
/** Postgres is away, or a proxy has nobody to ask. */
const LATER = new Set([502, 503, 504]);

export class Caller {
  #fleet;
  #token;
  #random;

  constructor(fleet, token, random) {
    this.#fleet = fleet;
    this.#token = token;
    this.#random = random;
  }

  /** Some address of the service, and a client for it. */
  pick() {
    const url = this.#random.pick(this.#fleet.urls);
    return { url, http: new Http(url, this.#token) };
  }

  /** Asks until it is answered; a request whose answer was lost is sent again. */
  async ask(method, path, options) {
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const answer = await this.pick()
        .http.call(method, path, options)
        .catch(() => null);
      if (answer && !LATER.has(answer.status)) return answer;
      await delay(TRY_AGAIN_MS);
    }
    throw new Error(`${method} ${path}: no answer after ${TRIES} tries.`);
  }

  async job(id) {
    return (await this.ask('GET', `/jobs/${id}`)).json();
  }
}
