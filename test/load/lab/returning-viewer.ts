import { setTimeout as delay } from 'node:timers/promises';
import { isAfter, parseCursor, START } from '../../../src/job/cursor.ts';
import { FrameReader, type ReadFrame } from './frame-reader.ts';

const WITHOUT_RETRY_MS = 100;

export interface Goodbye {
  reason: string;
  reconnect: boolean;
  /** Milliseconds that the client shall wait. */
  retry: number | null;
}

/** Watches one job to its end; sent away, it waits as long as it was told and comes back with its last id. */
export class ReturningViewer {
  readonly goodbyes: Goodbye[] = [];
  /** When it came back, as `Date.now()` counts. */
  readonly returns: number[] = [];
  ends = 0;
  /** Frames whose id was not after the one before. */
  disordered = 0;
  refusals = 0;
  #cursor = START;
  #lastId: string | null = null;
  #retryMs = WITHOUT_RETRY_MS;
  #left = false;
  #reader: FrameReader | null = null;
  /** Resolves with the first frame. */
  readonly opened: Promise<void>;
  #open: () => void = () => undefined;
  readonly #watching: Promise<void>;

  /** `urls` are the stream at its first and at every later address. */
  constructor(
    private readonly urls: [first: string, later: string],
    private readonly token: string,
  ) {
    this.opened = new Promise((resolve) => (this.#open = resolve));
    this.#watching = this.#watch();
  }

  /** Resolves after the end, or after `leave()`. */
  get over(): Promise<void> {
    return this.#watching;
  }

  leave(): void {
    this.#left = true;
    this.#reader?.leave();
  }

  async #watch(): Promise<void> {
    const [first, later] = this.urls;
    await this.#connect(first);
    while (this.ends === 0 && !this.#left) {
      await delay(this.#retryMs);
      this.#retryMs = WITHOUT_RETRY_MS;
      if (this.#left) return;
      this.returns.push(Date.now());
      await this.#connect(later);
    }
  }

  async #connect(url: string): Promise<void> {
    const { token } = this;
    const onFrame = (frame: ReadFrame): void => this.#take(frame);
    this.#reader = new FrameReader(url, { token, lastId: this.#lastId, onFrame });
    await this.#reader.closed;
    const status = await this.#reader.status.catch(() => 0);
    if (status !== 200) this.refusals += 1;
  }

  #take({ event, id, data, retry }: ReadFrame): void {
    this.#open();
    if (event === 'bye') {
      this.goodbyes.push({ ...(JSON.parse(data) as Omit<Goodbye, 'retry'>), retry });
      this.#retryMs = retry ?? WITHOUT_RETRY_MS;
      return;
    }
    if (event === 'end') this.ends += 1;
    const cursor = parseCursor(id);
    if (!cursor || !isAfter(cursor, this.#cursor)) this.disordered += 1;
    this.#cursor = cursor ?? this.#cursor;
    this.#lastId = id;
  }
}
