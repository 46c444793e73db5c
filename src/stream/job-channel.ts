import { Subject } from 'rxjs';
import { isAfter } from '../job/cursor.ts';
import type { Job } from '../job/job.ts';
import { decodeMessage, type TickFrame } from '../publish/frame.ts';
import type { Subscriber } from '../redis/subscriptions.ts';
import { progressFrame, type StreamFrame, statusFrames } from './frames.ts';
import type { JobReader } from './job-reader.ts';

/** Frames of a version whose claim has not been read yet; more than these are not worth waiting for. */
const MAX_EARLY = 100;

/**
 * One watched job, for all viewers of this process. It turns nudges and frames from Redis into one ordered
 * sequence: status frames from the row, progress only of the attempt that the row says is running.
 */
export class JobChannel implements Subscriber {
  /** Frames as they happen; completes when the job has been purged. */
  readonly frames$ = new Subject<StreamFrame>();
  #job: Job | null = null;
  #progress: TickFrame | null = null;
  #early: TickFrame[] = [];
  #reading: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(
    readonly id: string,
    private readonly reader: JobReader,
    private readonly basePath: string,
    private readonly onError: (error: Error) => void,
  ) {}

  /** The job as last read; null before the first read, and when it does not exist. */
  get job(): Job | null {
    return this.#job;
  }

  /** The newest progress frame of the running attempt. */
  get progress(): TickFrame | null {
    return this.#progress;
  }

  get version(): number {
    return this.#job?.version ?? 0;
  }

  onMessage(message: string): void {
    const decoded = decodeMessage(message);
    if (!decoded) return;
    if ('frame' in decoded) this.#accept(decoded.frame);
    else if (decoded.changed > this.version) void this.refresh();
  }

  /** What was published before the subscription was acknowledged is caught up with. */
  onSubscribed(): void {
    void this.refresh();
  }

  /** Reads the row again; resolves when a read that began after this call has been taken in. Never rejects. */
  refresh(): Promise<void> {
    if (!this.#reading) return this.#startReading();
    this.#next ??= this.#reading.then(() => {
      this.#next = null;
      return this.#startReading();
    });
    return this.#next;
  }

  #startReading(): Promise<void> {
    // The row is truth: without it viewers wait for the backstop to read it.
    this.#reading = this.#read()
      .catch(this.onError)
      .finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #read(): Promise<void> {
    const early = this.#early;
    this.#early = [];
    const [job, last] = await Promise.all([this.reader.job(this.id), this.reader.lastFrame(this.id)]);
    if (!job) return this.frames$.complete();
    const frames = await this.#statusFramesUpTo(job);
    if (job.version < this.version) return;
    if (job.version > this.version) this.#progress = null;
    this.#job = job;
    for (const frame of frames) this.frames$.next(frame);
    this.#acceptAll([
      ...early,
      ...(job.progressTick > 0 ? [progressFrame(job)] : []),
      ...(last ? [last] : []),
    ]);
  }

  /** Before the first read nobody has been shown anything, so there is nothing to continue from. */
  async #statusFramesUpTo(job: Job): Promise<StreamFrame[]> {
    if (!this.#job || job.version <= this.#job.version) return [];
    return statusFrames(await this.reader.changesAfter(this.id, this.#job.version), job, this.basePath);
  }

  /** Takes what came before the read began, or was read; what the row does not know by now was never ours. */
  #acceptAll(known: TickFrame[]): void {
    const frames = known.toSorted((a, b) => (isAfter(a.cursor, b.cursor) ? 1 : -1));
    for (const frame of frames) if (frame.cursor.version === this.version) this.#accept(frame);
  }

  #accept(frame: TickFrame): void {
    const { version } = frame.cursor;
    if (version > this.version) return this.#waitForRow(frame);
    if (version < this.version || this.#job?.status !== 'active') return;
    if (frame.type === 'progress') {
      if (this.#progress && !isAfter(frame.cursor, this.#progress.cursor)) return;
      this.#progress = frame;
    }
    this.frames$.next(frame);
  }

  /** Progress may overtake the nudge of its claim. */
  #waitForRow(frame: TickFrame): void {
    if (this.#early.length < MAX_EARLY) this.#early.push(frame);
    void this.refresh();
  }
}
