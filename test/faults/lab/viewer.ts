import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { type Frame, increases, openStream, type SseStream } from '../../support/sse.ts';

const RECONNECT_MS = 100;
/** These repeat the current id; everything else has one of its own. */
const REPEATING = new Set(['bye', 'heartbeat']);

/** Somebody who watches a job to its end, and comes back with the last id whenever the stream breaks. */
export class Viewer {
  /** Frames with an id of their own, over all connections. */
  readonly frames: Frame[] = [];
  connections = 0;
  #lastId: string | null = null;
  #stream: SseStream | null = null;
  #left = false;
  readonly #watching: Promise<void>;

  /** `url` is asked at every connection, so that viewers follow an API process that moves. */
  constructor(
    readonly jobId: string,
    private readonly url: () => string,
    private readonly token: string,
  ) {
    this.#watching = this.#watch();
  }

  get ended(): boolean {
    return this.frames.at(-1)?.event === 'end';
  }

  /** The `<version> <status>` of each status frame. */
  get statuses(): string[] {
    return this.frames
      .filter(({ event }) => event === 'state' || event === 'end')
      .map(({ data }) =>
        data?.job ? `${data.job.version} ${data.job.status}` : `${data?.version} ${data?.status}`,
      );
  }

  async untilEnded(timeoutMs: number): Promise<void> {
    await eventually(
      () => {
        if (!this.ended)
          throw new Error(`The viewer of ${this.jobId} saw no end, but ${this.statuses.join(', ')}`);
      },
      { timeoutMs },
    );
  }

  async leave(): Promise<void> {
    this.#left = true;
    this.#stream?.destroy();
    await this.#watching;
  }

  /** What this viewer must never see; `history` are the `<version> <status>` of the job's changes. */
  complaints(history: string[]): string[] {
    const problems: string[] = [];
    if (!increases(this.frames))
      problems.push(`ids do not increase: ${this.frames.map(({ id }) => id).join(' ')}`);
    if (!this.ended) return [...problems, 'no end was seen'];
    const [first, last] = [this.frames.at(0), this.frames.at(-1)].map((frame) =>
      Number.parseInt(frame?.id ?? '0', 10),
    );
    const missed = history.filter((change) => {
      const version = Number.parseInt(change, 10);
      // A snapshot stands for the version it shows; a retry by hand after the end was seen goes on without us.
      return version > (first ?? 0) && version <= (last ?? 0) && !this.statuses.includes(change);
    });
    if (missed.length > 0) problems.push(`missed ${missed.join(', ')}; saw ${this.statuses.join(', ')}`);
    return problems;
  }

  async #watch(): Promise<void> {
    while (!this.#left && !this.ended) {
      await this.#connect().catch(() => delay(RECONNECT_MS));
    }
  }

  async #connect(): Promise<void> {
    const headers = this.#lastId === null ? {} : { 'last-event-id': this.#lastId };
    const stream = await openStream(`${this.url()}/jobs/${this.jobId}/events`, {
      token: this.token,
      headers,
    });
    this.#stream = stream;
    this.connections += 1;
    if (this.#left) stream.destroy();
    await stream.untilClosed(2 ** 31 - 1);
    // An unfinished frame is not in the list: as a browser does, it is taken as never sent.
    this.frames.push(...stream.events.filter(({ event }) => !REPEATING.has(event ?? '')));
    this.#lastId = stream.events.at(-1)?.id ?? this.#lastId;
    await delay(RECONNECT_MS);
  }
}
