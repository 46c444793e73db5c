import { isFinal } from './job-book.js';

const LOG_PAGES = 20;

/** Feeds the panel of an opened job: its stream from the first status on, its payload, and its earlier log lines. */
export class JobWatch {
  #client;
  #id;
  #on;
  #abort = new AbortController();
  #cursor = '0.0';
  #running = false;
  #ended = 0;
  #lastLine = 0;

  /** `on`: `{state(change), job(job), lines(lines), payload(json), noLogs(), failed(error)}`. */
  constructor(client, id, on) {
    this.#client = client;
    this.#id = id;
    this.#on = on;
    void this.#readPayload();
    void this.#readLogs();
  }

  close() {
    this.#abort.abort();
  }

  /**
   * Follows the job unless it is being followed. A stream ends with its job, but a retry by hand starts the job again.
   */
  resume(job) {
    if (this.#running || job.version <= this.#ended || this.#abort.signal.aborted) return;
    this.#running = true;
    void this.#follow().finally(() => {
      this.#running = false;
    });
  }

  async #follow() {
    const { signal } = this.#abort;
    const options = { logs: true, signal, after: this.#cursor };
    try {
      for await (const event of this.#client.watch(this.#id, options)) {
        if (event.id) this.#cursor = event.id;
        this.#take(event);
      }
    } catch (error) {
      if (!signal.aborted && error.status !== 401) this.#on.failed(error);
    }
  }

  #take({ type, data }) {
    if (type === 'state') this.#on.state(data);
    if (type === 'log') this.#takeLines(data);
    if (type !== 'snapshot' && type !== 'end') return;
    if (type === 'end' && isFinal(data.job)) this.#ended = data.job.version;
    this.#on.job(data.job);
  }

  #takeLines({ lines, dropped }) {
    if (dropped > 0) void this.#readLogs();
    this.#on.lines(lines);
  }

  async #readPayload() {
    const job = await this.#client.get(this.#id, { payload: true }).catch(() => null);
    // The panel is useful without the payload, and a lost connection is shown elsewhere.
    if (job?.payload !== undefined && !this.#abort.signal.aborted) this.#on.payload(job.payload);
  }

  async #readLogs() {
    try {
      for (let page = 0; page < LOG_PAGES && !this.#abort.signal.aborted; page += 1) {
        const { lines, next } = await this.#client.logs(this.#id, { after: this.#lastLine });
        this.#on.lines(lines);
        if (lines.length === 0 || next === null) return;
        this.#lastLine = Math.max(this.#lastLine, next);
      }
    } catch (error) {
      if (error.status === 404) this.#on.noLogs();
      else if (error.status !== 401) this.#on.failed(error);
    }
  }
}
