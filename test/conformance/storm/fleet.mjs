// Two API processes that keep their addresses and two workers, of the built service.
import { freePort } from '../../../src/service/embedded/free-port.ts';

/** Streams rotate and drain often here, as much as possible happens in little time. */
const SETTINGS = {
  STREAM_MAX_PER_CALLER: '100000',
  STREAM_MAX_AGE_MS: '4000',
  STREAM_BACKSTOP_MS: '1000',
  PROGRESS_INTERVAL_MS: '50',
  SHUTDOWN_GRACE_MS: '1500',
};

export class Fleet {
  /** Processes that ended by themselves, or did not end when told to. */
  surprises = [];
  #lab;
  #apis = [];
  #workers = [];

  static async start(lab, adapter) {
    const fleet = new Fleet();
    fleet.#lab = lab;
    const places = [await freePort(), await freePort()].map((port) => ({
      HTTP_ADAPTER: adapter,
      PORT: String(port),
    }));
    // One after the other: the first creates the tables.
    for (const place of places) fleet.#apis.push(await fleet.#startApi(place));
    fleet.#workers = await Promise.all(['1', '2'].map(() => fleet.#startWorker(adapter)));
    return fleet;
  }

  /** Addresses, whether or not anybody is there just now. */
  get urls() {
    return this.#apis.map(({ url }) => url);
  }

  /** Ends an API process by `signal` and starts it again at its address. */
  async restartApi(index, signal) {
    const api = this.#apis[index];
    if (signal === 'SIGKILL') await api.host.kill();
    else await this.#terminate(api);
    this.#apis[index] = await this.#startApi(api.place);
  }

  /** Notes the processes that ended though nobody told them to. */
  inspect() {
    for (const { name, host } of [...this.#apis, ...this.#workers])
      if (!host.alive) this.surprises.push(`${name} ended by itself:\n${host.output.slice(-2_000)}`);
  }

  async #terminate({ name, host }) {
    const late = setTimeout(() => {
      this.surprises.push(`${name} did not end within 20 s of SIGTERM:\n${host.output.slice(-2_000)}`);
      void host.kill();
    }, 20_000);
    await host.terminate();
    clearTimeout(late);
  }

  async #startApi(place) {
    const host = this.#lab.launch('api', { ...SETTINGS, ...place }, 'service');
    return { name: `the API at ${place.PORT}`, place, host, url: await host.listening() };
  }

  async #startWorker(adapter) {
    const host = this.#lab.launch('worker', { ...SETTINGS, HTTP_ADAPTER: adapter }, 'service');
    await host.listening();
    return { name: 'a worker', host };
  }
}
