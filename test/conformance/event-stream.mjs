// A deliberately simple reader of `text/event-stream` that keeps every byte.

/** These repeat the current id; every other frame has one of its own. */
const REPEATING = new Set(['bye', 'heartbeat']);

/** One open stream. A frame is `{raw, id, event, retry, comment, data, at}`, each null where it is not there. */
export class EventStream {
  text = '';
  frames = [];
  closed = false;
  #parsed = 0;
  #waiting = new Set();
  #call;

  constructor(call, response) {
    this.#call = call;
    this.status = response.statusCode;
    this.headers = response.headers;
    response.setEncoding('utf8');
    response.on('data', (chunk) => this.#receive(chunk));
    // A connection that breaks ends the stream; 'close' says so.
    response.on('error', () => undefined);
    response.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** All frames but comments. */
  get events() {
    return this.frames.filter(({ event }) => event !== null);
  }

  /** The frames that have an id of their own. */
  get numbered() {
    return this.events.filter(({ event }) => !REPEATING.has(event));
  }

  /** What a client sends as `Last-Event-ID` when it comes back. */
  get lastId() {
    return this.events.at(-1)?.id ?? null;
  }

  /** What came after the last whole frame. */
  get rest() {
    return this.text.slice(this.#parsed);
  }

  of(event) {
    return this.frames.filter((frame) => frame.event === event);
  }

  async untilFrame(matches, timeoutMs = 10_000) {
    await this.#until(() => this.closed || this.frames.some(matches), timeoutMs);
    const found = this.frames.find(matches);
    if (!found) throw new Error(`The stream closed without the frame; it sent ${this.summary()}`);
    return found;
  }

  untilEvent(event, timeoutMs) {
    return this.untilFrame((frame) => frame.event === event, timeoutMs);
  }

  untilClosed(timeoutMs = 20_000) {
    return this.#until(() => this.closed, timeoutMs);
  }

  /** Leaves without a word, as a closed tab does. */
  leave() {
    this.#call.destroy();
  }

  /** The frames in short, for messages. */
  summary() {
    const frames = this.frames.map(({ event, id, comment }) =>
      event === null ? `:${comment}` : `${event} ${id}`,
    );
    return frames.length > 40 ? `… ${frames.slice(-40).join(', ')}` : frames.join(', ') || 'nothing';
  }

  #receive(chunk) {
    this.text += chunk;
    for (
      let end = this.text.indexOf('\n\n', this.#parsed);
      end >= 0;
      end = this.text.indexOf('\n\n', this.#parsed)
    ) {
      // A blank line before the first frame only sends the headers on their way.
      const raw = this.text.slice(this.#parsed, end).replace(/^\n+/, '');
      this.#parsed = end + 2;
      if (raw !== '') this.frames.push(parseFrame(raw));
    }
    this.#wake();
  }

  #wake() {
    for (const look of this.#waiting) look();
  }

  #until(reached, timeoutMs) {
    return new Promise((resolve, reject) => {
      const done = (settle) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        settle();
      };
      const look = () => reached() && done(resolve);
      const late = () =>
        reject(new Error(`Waited ${timeoutMs} ms in vain; the stream sent ${this.summary()}`));
      const timer = setTimeout(() => done(late), timeoutMs);
      this.#waiting.add(look);
      look();
    });
  }
}

/** Reads one block of lines. */
export function parseFrame(raw) {
  const valuesOf = (name) =>
    raw
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ''));
  const data = valuesOf('data');
  const retry = valuesOf('retry').at(-1);
  return {
    raw,
    id: valuesOf('id').at(-1) ?? null,
    event: valuesOf('event').at(-1) ?? null,
    retry: retry === undefined ? null : Number(retry),
    comment: valuesOf('').at(-1) ?? null,
    data: data.length > 0 ? JSON.parse(data.join('\n')) : null,
    at: Date.now(),
  };
}

/** `[version, tick]` of an id; throws for what is none. */
export function cursorOf(frame) {
  const match = /^(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(frame.id ?? '');
  if (!match) throw new Error(`Not an id of the form <version>.<tick> in ${JSON.stringify(frame.raw)}`);
  return [Number(match[1]), Number(match[2])];
}

/** The first pair of neighbours whose ids do not increase; null when all do. */
export function disorder(frames) {
  for (let index = 1; index < frames.length; index += 1) {
    const [version, tick] = cursorOf(frames[index - 1]);
    const [nextVersion, nextTick] = cursorOf(frames[index]);
    if (nextVersion < version || (nextVersion === version && nextTick <= tick))
      return `${frames[index - 1].event} ${frames[index - 1].id} before ${frames[index].event} ${frames[index].id}`;
  }
  return null;
}
