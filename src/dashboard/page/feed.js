import { byId, setText } from './element.js';

const RETRY_MS = 5000;

const STATES = {
  connecting: ['Connecting', 'Opening the live feed.'],
  live: ['Live', 'Every change arrives the moment it happens.'],
  waiting: ['Reconnecting', 'The connection was lost. What you see is the last known state.'],
  offline: ['Offline', 'This computer has no network. What you see is the last known state.'],
};

const ENDINGS = {
  expired: 'Your token has expired. Sign in with a new one.',
  revoked: 'Your token was revoked.',
};

/** The connection behind the list: keeps the book up to date and shows the state of the connection. */
export class Feed {
  #client;
  #book;
  #on;
  #abort = new AbortController();
  /** The ids seen since a `reset`; null when there was none. */
  #seen = null;
  #wasLive = false;

  /** `on`: `{frame(), changed(change), removed(), ready(), failed(error), leave(reason)}`. */
  constructor(client, book, on) {
    this.#client = client;
    this.#book = book;
    this.#on = on;
    void this.#follow();
  }

  close() {
    this.#abort.abort();
  }

  async #follow() {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      this.#show('connecting');
      try {
        await this.#read(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error.status === 401) return this.#on.leave(error.message);
        this.#on.failed(error);
      }
      if (signal.aborted) return;
      this.#show('waiting');
      await pause(RETRY_MS, signal);
    }
  }

  async #read(signal) {
    const onState = (state) => this.#show(state === 'open' ? 'live' : state);
    for await (const event of this.#client.feed({}, { signal, onState })) {
      this.#on.frame();
      if (event.type === 'bye' && ENDINGS[event.data.reason])
        return this.#on.leave(ENDINGS[event.data.reason]);
      this.#take(event);
    }
  }

  #take({ type, data }) {
    if (type === 'job') {
      this.#seen?.add(data.job.id);
      const change = this.#book.putLive(data.job);
      if (change) this.#on.changed(change);
    } else if (type === 'gone') {
      if (this.#book.remove(data.id)) this.#on.removed();
    } else if (type === 'reset') {
      this.#seen = new Set();
    } else if (type === 'ready') {
      this.#forgetUnseen();
      this.#on.ready();
    }
  }

  /** After a reset the feed sends every job again, so jobs that it did not send no longer exist. */
  #forgetUnseen() {
    if (!this.#seen) return;
    for (const { id } of this.#book.select(null)) {
      if (!this.#seen.has(id)) this.#book.remove(id);
    }
    this.#seen = null;
  }

  #show(state) {
    this.#wasLive ||= state === 'live';
    if (state === 'connecting' && this.#wasLive) state = 'waiting';
    const shown = state !== 'live' && !navigator.onLine ? 'offline' : state;
    const [text, title] = STATES[shown];
    const place = byId('connection');
    if (place.dataset.state === shown) return;
    place.dataset.state = shown;
    place.title = title;
    setText(byId('connection-text'), text);
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
