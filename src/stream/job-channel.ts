import { Subject } from 'rxjs';
import { isAfter } from '../job/cursor.ts';
import type { Job, JobChange } from '../job/job.ts';
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
  #newest: StreamFrame | null = null;
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
  get progress(): StreamFrame | null {
    return this.#newest?.cursor.version === this.version ? this.#newest : null;
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
    try {
      const [job, last] = await Promise.all([this.reader.job(this.id), this.reader.lastFrame(this.id)]);
      if (!job) return this.frames$.complete();
      const changes = await this.#changesUpTo(job);
      if (job.version < this.version) return;
      const read = [...(job.progressTick > 0 ? [progressFrame(job)] : []), ...(last ? [last] : [])];
      this.#take(job, changes, [...early, ...this.#arrivedMeanwhile(job), ...read]);
    } catch (error) {
      this.#early.unshift(...early);
      throw error;
    }
  }

  /** What came during the read and belongs to what was read: later frames must not overtake it. */
  #arrivedMeanwhile(job: Job): TickFrame[] {
    const arrived = this.#early.filter(({ cursor }) => cursor.version <= job.version);
    this.#early = this.#early.filter(({ cursor }) => cursor.version > job.version);
    return arrived;
  }

  /** Before the first read nobody has been shown anything, so there is nothing to continue from. */
  async #changesUpTo(job: Job): Promise<JobChange[]> {
    if (!this.#job || job.version <= this.#job.version) return [];
    const changes = await this.reader.changesAfter(this.id, this.#job.version);
    return changes.filter(({ version }) => version <= job.version);
  }

  /**
   * Emits what is new in the order of its cursors: an attempt may have ended by the time that its claim is read,
   * and its ticks then stand between the two. A tick of a version in which nothing ran was never ours.
   */
  #take(job: Job, changes: JobChange[], ticks: TickFrame[]): void {
    const active = [this.#job, ...changes, job].filter((state) => state?.status === 'active');
    const running = new Set(active.map((state) => state?.version));
    const own = ticks.filter(({ cursor }) => running.has(cursor.version));
    const frames: StreamFrame[] = [...statusFrames(changes, job, this.basePath), ...own];
    this.#job = job;
    for (const frame of frames.toSorted((a, b) => (isAfter(a.cursor, b.cursor) ? 1 : -1))) this.#emit(frame);
  }

  #accept(frame: TickFrame): void {
    const { version } = frame.cursor;
    if (version > this.version) return this.#waitForRow(frame);
    if (version === this.version && this.#job?.status === 'active') this.#emit(frame);
  }

  #emit(frame: StreamFrame): void {
    if (frame.type === 'progress') {
      if (this.#newest && !isAfter(frame.cursor, this.#newest.cursor)) return;
      this.#newest = frame;
    }
    this.frames$.next(frame);
  }

  /** Progress may overtake the nudge of its claim. */
  #waitForRow(frame: TickFrame): void {
    if (this.#early.length < MAX_EARLY) this.#early.push(frame);
    void this.refresh();
  }
}
