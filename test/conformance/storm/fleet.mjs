// Two API processes that keep their addresses and two workers, of the built service; nginx in front if asked for.
import { freePort } from '../../../packages/dev-servers/src/free-port.ts';
import { Nginx } from '../../support/nginx.ts';

/** Streams rotate, drain and beat often here: as much as possible happens in little time. */
const SETTINGS = {
  STREAM_MAX_PER_CALLER: '100000',
  STREAM_MAX_AGE_MS: '4000',
  STREAM_HEARTBEAT_MS: '1000',
  STREAM_BACKSTOP_MS: '1000',
  PROGRESS_INTERVAL_MS: '100',
  SHUTDOWN_GRACE_MS: '1500',
};
const TERM_MS = 20_000;
const STARTS = 20;

export class Fleet {
  /** Processes that ended by themselves, or did not end when told to. */
  surprises = [];
  #lab;
  #outages;
  #members = [];
  #proxy = null;

  static async start(lab, outages, { adapter, proxy }) {
    const fleet = new Fleet();
    fleet.#lab = lab;
    fleet.#outages = outages;
    // One after the other: the first creates the tables.
    for (const place of ['API 1', 'API 2', 'worker 1', 'worker 2']) {
      const role = place.startsWith('API') ? 'api' : 'worker';
      const env = { ...SETTINGS, HTTP_ADAPTER: adapter, PORT: String(await freePort()) };
      fleet.#members.push(await fleet.#launch({ place, role, env }));
    }
    if (proxy) fleet.#proxy = await Nginx.start({ to: fleet.#urls });
    return fleet;
  }

  /** Where clients go, whether or not anybody is there just now. */
  get urls() {
    return this.#proxy ? [this.#proxy.url] : this.#urls;
  }

  /** The processes that may be behind an address. */
  placesAt(url) {
    const apis = this.#members.filter(({ role }) => role === 'api');
    return (this.#proxy ? apis : apis.filter((api) => api.url === url)).map(({ place }) => place);
  }

  placesOf(role) {
    return this.#members.filter((member) => member.role === role).map(({ place }) => place);
  }

  /** Ends a process by `signal` and starts it again at its address. */
  async restart(place, signal) {
    const index = this.#members.findIndex((member) => member.place === place);
    const member = this.#members[index];
    this.#inspect(member);
    const over = this.#outages.begin(`${member.role} restarts by ${signal}`, place);
    if (signal === 'SIGKILL') await member.host.kill();
    else await this.#terminate(member);
    this.#members[index] = await this.#launch(member);
    over();
  }

  /** Notes the processes that ended though nobody told them to. */
  inspect() {
    for (const member of this.#members) this.#inspect(member);
  }

  async stop() {
    await this.#proxy?.stop();
  }

  get #urls() {
    return this.#members.filter(({ role }) => role === 'api').map(({ url }) => url);
  }

  #inspect({ place, host }) {
    if (!host.alive) this.surprises.push(`${place} ended by itself:\n${host.output.slice(-2_000)}`);
  }

  async #terminate({ place, host }) {
    const late = setTimeout(() => {
      this.surprises.push(`${place} did not end within 20 s of SIGTERM:\n${host.output.slice(-2_000)}`);
      void host.kill();
    }, TERM_MS);
    await host.terminate();
    clearTimeout(late);
  }

  /** A process that finds no Postgres when it starts ends; as an orchestrator does, it is started again. */
  async #launch({ place, role, env }) {
    for (let attempt = 1; ; attempt += 1) {
      const host = this.#lab.launch(role, env, 'service');
      const url = await Promise.race([host.listening().catch(() => null), host.exited.then(() => null)]);
      if (url) return { place, role, env, host, url };
      if (host.alive || attempt === STARTS) throw new Error(`${place} does not start:\n${host.output}`);
    }
  }
}
