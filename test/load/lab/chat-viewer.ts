import { FrameReader, type ReadFrame } from './frame-reader.ts';

interface Reported {
  done: number;
  data: { reportedAt: number };
}

/** Follows a `load.chat` job and knows how late each of its reports was seen. */
export class ChatViewer {
  /** The number of the newest report. */
  newest = 0;
  /** Frames that did not come after the one before. */
  disordered = 0;
  /** The number of the last report as the end tells it; null before the end. */
  end: number | null = null;
  /** Since `measure()`. */
  latenciesMs: number[] = [];
  readonly closed: Promise<void>;
  #first: Reported | null = null;
  #last: Reported | null = null;
  readonly #reader: FrameReader;

  constructor(url: string, token: string) {
    this.#reader = new FrameReader(url, { token, onFrame: (frame) => this.#take(frame) });
    this.closed = this.#reader.closed;
  }

  measure(): void {
    this.latenciesMs = [];
    this.#first = null;
  }

  /** Reports a second since `measure()`, by the clock of the job. */
  get pace(): number {
    const [first, last] = [this.#first, this.#last];
    if (!first || !last) return NaN;
    return ((last.done - first.done) / (last.data.reportedAt - first.data.reportedAt)) * 1_000;
  }

  leave(): void {
    this.#reader.leave();
  }

  #take({ event, data }: ReadFrame): void {
    if (event === 'end') this.end = (JSON.parse(data) as { job: { progress: Reported } }).job.progress.done;
    if (event !== 'progress') return;
    const { progress } = JSON.parse(data) as { progress: Reported };
    this.latenciesMs.push(Number(process.hrtime.bigint()) / 1e6 - progress.data.reportedAt);
    if (progress.done <= this.newest) this.disordered += 1;
    this.newest = progress.done;
    this.#first ??= progress;
    this.#last = progress;
  }
}
