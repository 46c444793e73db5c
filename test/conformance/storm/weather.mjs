// What happens to the service while it is watched.
import { setTimeout as delay } from 'node:timers/promises';

export class Weather {
  /** How often each thing happened. */
  counts = new Map();
  #lab;
  #fleet;
  #random;
  #stormy = true;

  constructor(lab, fleet, random) {
    this.#lab = lab;
    this.#fleet = fleet;
    this.#random = random;
  }

  /** Breaks and mends until `calm()`; resolves when everything is whole again. */
  async blow() {
    const events = [
      ['API restarts by SIGTERM', () => this.#restartApi('SIGTERM')],
      ['API restarts by SIGKILL', () => this.#restartApi('SIGKILL')],
      ['kills of the subscribers', () => this.#killSubscribers()],
      ['kills of the subscribers', () => this.#killSubscribers()],
      ['Redis restarts by SIGTERM', () => this.#restartRedis('SIGTERM')],
      ['Redis restarts by SIGKILL', () => this.#restartRedis('SIGKILL')],
    ];
    while (this.#stormy) {
      await delay(this.#random.integer(200, 1_500));
      const [name, happen] = this.#random.pick(events);
      await happen();
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      this.#fleet.inspect();
    }
  }

  calm() {
    this.#stormy = false;
  }

  #restartApi(signal) {
    return this.#fleet.restartApi(this.#random.integer(0, this.#fleet.urls.length - 1), signal);
  }

  async #killSubscribers() {
    await this.#lab.servers.redis.command((redis) => redis.client('KILL', 'TYPE', 'pubsub'));
  }

  async #restartRedis(signal) {
    const { redis } = this.#lab.servers;
    await redis.stop(signal);
    await delay(this.#random.integer(0, 1_000));
    await redis.start();
  }
}
