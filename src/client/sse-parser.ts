/** One event of a `text/event-stream`. */
export interface ServerEvent {
  /** The event's name; `message` when the stream gave none. */
  event: string;
  /** The last event id: that of this event, else of an earlier one; empty when there was none. */
  id: string;
  data: string;
}

export interface SseParserOptions {
  /** The last event id of an earlier connection; kept until the stream gives another. Default: empty. */
  lastEventId?: string;
  /** Most characters of one unfinished event. Default 4,194,304. */
  maxBuffered?: number;
  /** Called for every comment line, without its colon and one leading space. */
  onComment?: (text: string) => void;
}

/** An event is longer than `maxBuffered`. Raise that, or make the server's events smaller. */
export class SseBufferOverflow extends Error {
  constructor(maxBuffered: number) {
    super(
      `An event of the stream is longer than ${maxBuffered} characters. Raise maxBuffered if that is intended.`,
    );
    this.name = 'SseBufferOverflow';
  }
}

const LINE_END = /\r\n?|\n/g;
const DIGITS = /^\d+$/;

/** Parses a `text/event-stream` incrementally (WHATWG HTML, 9.2.6). Chunks may be split anywhere. */
export class SseParser {
  // Strips one leading byte order mark, as "UTF-8 decode" requires.
  readonly #decoder = new TextDecoder('utf-8');
  readonly #maxBuffered: number;
  readonly #onComment: (text: string) => void;
  #line = '';
  /** The last chunk ended with CR, so an LF at the start of the next one belongs to it. */
  #afterCr = false;
  #event = '';
  #data: string[] = [];
  #dataLength = 0;
  #pendingId: string;
  #lastEventId: string;
  #retryMs: number | null = null;

  constructor(options: SseParserOptions = {}) {
    this.#maxBuffered = options.maxBuffered ?? 4_194_304;
    this.#onComment = options.onComment ?? (() => undefined);
    this.#pendingId = this.#lastEventId = options.lastEventId ?? '';
  }

  /** The id to resume from. An event commits its id at its blank line, even when it has no data. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** Milliseconds of the latest `retry:` field; null before the first. */
  get retryMs(): number | null {
    return this.#retryMs;
  }

  /** Takes the next bytes and returns the events that they complete. Throws `SseBufferOverflow`. */
  push(chunk: Uint8Array): ServerEvent[] {
    const text = this.#decoder.decode(chunk, { stream: true });
    if (text === '') return [];
    const events: ServerEvent[] = [];
    let start = this.#afterCr && text.startsWith('\n') ? 1 : 0;
    LINE_END.lastIndex = start;
    for (let end = LINE_END.exec(text); end; end = LINE_END.exec(text)) {
      this.#takeLine(this.#line + text.slice(start, end.index), events);
      this.#line = '';
      start = LINE_END.lastIndex;
    }
    this.#afterCr = text.endsWith('\r');
    this.#line += text.slice(start);
    this.#checkBound(this.#line.length);
    return events;
  }

  #takeLine(line: string, events: ServerEvent[]): void {
    this.#checkBound(line.length);
    if (line === '') return this.#dispatch(events);
    const colon = line.indexOf(':');
    if (colon === 0) return this.#onComment(withoutSpace(line.slice(1)));
    const field = colon === -1 ? line : line.slice(0, colon);
    this.#setField(field, colon === -1 ? '' : withoutSpace(line.slice(colon + 1)));
  }

  #setField(field: string, value: string): void {
    if (field === 'data') {
      this.#data.push(value);
      this.#dataLength += value.length + 1;
    } else if (field === 'event') {
      this.#event = value;
    } else if (field === 'id') {
      if (!value.includes('\u0000')) this.#pendingId = value;
    } else if (field === 'retry') {
      if (DIGITS.test(value)) this.#retryMs = Number(value);
    }
  }

  #dispatch(events: ServerEvent[]): void {
    this.#lastEventId = this.#pendingId;
    if (this.#data.length > 0) {
      const event = this.#event === '' ? 'message' : this.#event;
      events.push({ event, id: this.#lastEventId, data: this.#data.join('\n') });
    }
    this.#event = '';
    this.#data = [];
    this.#dataLength = 0;
  }

  #checkBound(lineLength: number): void {
    if (lineLength + this.#dataLength > this.#maxBuffered) throw new SseBufferOverflow(this.#maxBuffered);
  }
}

function withoutSpace(value: string): string {
  return value.startsWith(' ') ? value.slice(1) : value;
}
