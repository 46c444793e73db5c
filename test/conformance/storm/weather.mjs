// What happens to the service while it is watched.
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';

/** Between two events of a kind. Subscribers' connections are closed all the time, whatever else happens. */
const PAUSE_MS = {
  apis: [300, 2_500],
  workers: [3_000, 10_000],
  redis: [300, 3_000],
  postgres: [5_000, 20_000],
  subscribers: [200, 1_500],
};
const AWAY_MS = [0, 1_500];

export class Weather {
  #lab;
  #fleet;
  #outages;
  #random;
  #stormy = true;

  constructor(lab, fleet, outages, random) {
    this.#lab = lab;
    this.#fleet = fleet;
    this.#outages = outages;
    this.#random = random;
  }

  /** Breaks and mends until `calm()`; resolves when everything is whole again. */
  async blow() {
    const some = (events) => () => this.#random.pick(events)();
    const signals = ['SIGTERM', 'SIGKILL'];
    const apis = signals.map((signal) => () => this.#restart('api', signal));
    const events = {
      apis: some([...apis, ...apis, () => this.#restartBothApis()]),
      workers: some(signals.map((signal) => () => this.#restart('worker', signal))),
      redis: some([
        ...signals.map((signal) => () => this.#restartRedis(signal)),
        () => this.#emptyRedis(),
        () => this.#freezeRedis(),
      ]),
      postgres: () => this.#restartPostgres(),
      subscribers: () => this.#killSubscribers(),
    };
    await Promise.all(Object.entries(events).map(([kind, happen]) => this.#repeat(PAUSE_MS[kind], happen)));
    this.#fleet.inspect();
  }

  calm() {
    this.#stormy = false;
  }

  async #repeat(pauseMs, happen) {
    let tookMs = 0;
    while (this.#stormy) {
      // On a slow machine, too, there is some time in which it works.
      await delay(this.#random.integer(...pauseMs) + tookMs / 2);
      const started = Date.now();
      if (this.#stormy) await happen();
      tookMs = Date.now() - started;
    }
  }

  async #restart(role, signal) {
    await this.#fleet.restart(this.#random.pick(this.#fleet.placesOf(role)), signal);
  }

  async #restartBothApis() {
    const restarts = this.#fleet.placesOf('api').map(async (place) => {
      const signal = this.#random.pick(['SIGTERM', 'SIGKILL']);
      await delay(this.#random.integer(0, 500));
      await this.#fleet.restart(place, signal);
    });
    await Promise.all(restarts);
  }

  async #restartRedis(signal) {
    const { redis } = this.#lab.servers;
    await this.#during(`Redis restarts by ${signal}`, 'redis', async () => {
      await redis.stop(signal);
      await delay(this.#random.integer(...AWAY_MS));
      await redis.start();
    });
  }

  /** As FLUSHALL does, or a restart without its data. */
  async #emptyRedis() {
    const { redis } = this.#lab.servers;
    if (this.#random.chance(0.5)) await this.#restartRedis('SIGKILL');
    const empty = () => redis.command((client) => client.flushall());
    await this.#during('emptyings of Redis', 'redis', () => eventually(empty, { timeoutMs: 30_000 }));
  }

  async #freezeRedis() {
    const { redis } = this.#lab.servers;
    await this.#during('freezes of Redis', 'redis', async () => {
      redis.freeze();
      await delay(this.#random.integer(200, 3_000));
      redis.thaw();
    });
  }

  async #restartPostgres() {
    const { postgres } = this.#lab.servers;
    const how = this.#random.pick(['fast', 'crash']);
    await this.#during(`Postgres restarts (${how})`, 'postgres', async () => {
      await postgres.stop(how);
      await delay(this.#random.integer(...AWAY_MS));
      await postgres.start();
    });
  }

  async #killSubscribers() {
    const kill = (client) => client.client('KILL', 'TYPE', 'pubsub');
    // Redis may be away, or frozen: then they are not there anyway.
    const killed = await this.#lab.servers.redis.command(kill).catch(() => 0);
    if (killed > 0) this.#outages.begin('kills of the subscribers', 'subscribers')();
  }

  async #during(what, place, act) {
    const over = this.#outages.begin(what, place);
    await act();
    over();
  }
}
