// One connection to a stream, from its opening to its close.

const PATIENCE_MS = 60_000;
const LAST_WORDS = new Set(['end', 'bye']);
/** Postgres is away, or a proxy has nobody to ask. */
const NO_ANSWER = new Set([502, 503, 504]);
const BYES = new Set(['rotate', 'drain']);

export class Visit {
  /** 0: the connection failed before there was an answer. */
  status = 0;
  /** All frames, comments included; their text is not kept. */
  frames = [];
  to = Infinity;
  #error = null;
  #left = false;
  #late = false;
  #rest = '';

  constructor(url, asked) {
    this.url = url;
    /** The cursor that was sent; null: none. */
    this.asked = asked;
    this.from = Date.now();
  }

  /** Opens `path` somewhere and stays for `stayMs`, or until it is closed. Never rejects: `problems` judges. */
  static async make(caller, path, { cursor, stayMs }) {
    const { url, http } = caller.pick();
    const visit = new Visit(url, cursor);
    const headers = cursor === null ? {} : { 'last-event-id': cursor };
    const stream = await http.open(path, { headers }).catch((error) => {
      visit.#error = error.code ?? error.message;
    });
    if (stream) await visit.#stay(stream, stayMs);
    visit.to = Date.now();
    return visit;
  }

  get events() {
    return this.frames.filter(({ event }) => event !== null);
  }

  /** Frames with an id of their own. */
  get numbered() {
    return this.events.filter(({ event }) => event !== 'bye' && event !== 'heartbeat');
  }

  /** What to come back with. */
  get cursor() {
    return this.events.at(-1)?.id ?? this.asked;
  }

  /** How it went, in a few words: what counts are kept of. */
  get outcome() {
    if (this.status === 0) return String(this.#error);
    if (this.status !== 200) return `status ${this.status}`;
    const last = this.frames.at(-1);
    if (LAST_WORDS.has(last?.event)) return last.event === 'bye' ? `bye ${last.data.reason}` : 'end';
    return this.#left ? 'left' : 'cut';
  }

  /** What is wrong with the connection itself; `outages` say what was broken meanwhile. */
  problems(outages, places) {
    const broken = outages.touched(places(this.url), this.from, this.to);
    const { outcome } = this;
    const problems = this.status === 200 ? this.#wordProblems() : [];
    if (this.#late) problems.push(`did not close within ${PATIENCE_MS} ms`);
    if ((outcome === 'cut' || this.status === 0) && !broken)
      problems.push(`${outcome} though nothing had died`);
    if (![0, 200, 204].includes(this.status))
      if (!NO_ANSWER.has(this.status) || !(broken || outages.touched(['postgres'], this.from, this.to)))
        problems.push(`was answered ${this.status}`);
    return problems.map((problem) => `${problem}: ${this.story}`);
  }

  get story() {
    const frames = this.frames.map(({ event, id, comment }) => (event ? `${event} ${id}` : `:${comment}`));
    const shown = frames.length > 30 ? [...frames.slice(0, 10), '…', ...frames.slice(-15)] : frames;
    return `after ${this.asked ?? 'nothing'} ${shown.join(', ') || 'nothing'} (${this.outcome})`;
  }

  #wordProblems() {
    const problems = [];
    const last = this.frames.findIndex(({ event }) => LAST_WORDS.has(event));
    if (last >= 0 && (last < this.frames.length - 1 || this.#rest !== ''))
      problems.push('spoke after its last word');
    let current = this.asked;
    for (const { event, id, retry, data } of this.events) {
      const repeats = event === 'bye' || event === 'heartbeat';
      if (repeats && current !== null && id !== current) problems.push(`${event} has ${id}, not ${current}`);
      if (event === 'bye' && !(BYES.has(data.reason) && data.reconnect === true))
        problems.push(`bye ${data.reason}`);
      if ((event === 'bye' || event === 'snapshot') && !(retry >= 2_000 && retry <= 4_000))
        problems.push(`${event} with retry ${retry}`);
      current = id;
    }
    return problems;
  }

  async #stay(stream, stayMs) {
    this.status = stream.status;
    const leave = () => {
      this.#left = true;
      stream.leave();
    };
    const timer = stayMs < Infinity ? setTimeout(leave, stayMs) : null;
    await stream.untilClosed(PATIENCE_MS).catch(() => {
      this.#late = true;
      stream.leave();
    });
    clearTimeout(timer);
    this.#rest = this.#left ? '' : stream.rest;
    this.frames = stream.frames.map(({ raw: _raw, ...frame }) => frame);
  }
}
