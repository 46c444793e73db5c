import { Subject } from 'rxjs';
import { isAfter } from '../job/cursor.ts';
import type { Job, JobChange, TenantJob } from '../job/job.ts';
import { decodeMessage, type TickFrame } from '../publish/frame.ts';
import type { Subscriber } from '../redis/subscriptions.ts';
import { progressFrame, type StreamFrame, statusFrames } from './frames.ts';
import type { JobReader } from './job-reader.ts';
import type { ReadFaults } from './read-faults.ts';

/**
 * Most frames that wait for a read, because their claim or an earlier frame has not arrived yet. Further ones are
 * dropped.
 */
const MAX_EARLY = 100;

/**
 * One watched job, for all viewers in this process. It turns nudges and frames from Redis into one ordered sequence:
 * status frames are built from the row, and progress is only taken from the attempt that is running according to the
 * row.
 */
export class JobChannel implements Subscriber {
  /** Live frames; completes when the job was purged. */
  readonly frames$ = new Subject<StreamFrame>();
  #job: Job | null = null;
  #newest: StreamFrame | null = null;
  /** The newest tick of the running attempt that was shown. */
  #tick = 0;
  #early: TickFrame[] = [];
  #reading: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(
    readonly watched: TenantJob,
    private readonly reader: JobReader,
    private readonly basePath: string,
    private readonly faults: Pick<ReadFaults, 'report' | 'checked'>,
  ) {}

  get #name(): string {
    return `job ${this.watched.id}`;
  }

  /** The job as last read; null before the first read, and if it does not exist. */
  get job(): Job | null {
    return this.#job;
  }

  /** The newest progress frame of the running attempt. */
  get progress(): StreamFrame | null {
    return this.#newest?.cursor.version === this.version ? this.#newest : null;
  }

  /** Whether frames wait for earlier ones that are missing. */
  get waits(): boolean {
    return this.#early.length > 0;
  }

  get version(): number {
    return this.#job?.version ?? 0;
  }

  onMessage(message: string): void {
    const decoded = this.faults.checked(this.#name, decodeMessage(message));
    if (!decoded) return;
    if ('frame' in decoded) this.#accept(decoded.frame);
    else if (decoded.changed > this.version) void this.refresh();
  }

  /** Messages may have been published before the subscription was acknowledged, so read the row. */
  onSubscribed(): void {
    void this.refresh();
  }

  /** Reads the row again. Resolves when a read that began after this call was processed. Never rejects. */
  refresh(): Promise<void> {
    if (!this.#reading) return this.#startReading();
    this.#next ??= this.#reading.then(() => {
      this.#next = null;
      return this.#startReading();
    });
    return this.#next;
  }

  #startReading(): Promise<void> {
    // If the read fails, viewers wait until the backstop reads the row.
    this.#reading = this.#read()
      .catch((error: unknown) => this.faults.report(this.#name, error))
      .finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #read(): Promise<void> {
    // This read covers the frames that wait now. It may miss frames before those that arrive during the read.
    const before = new Set(this.#early);
    const [job, last] = await Promise.all([
      this.reader.job(this.watched),
      this.reader.lastFrame(this.watched.id),
    ]);
    if (!job) return this.frames$.complete();
    // If Redis did not answer, the missing frame may be the one in Redis, so nothing is covered.
    const covered = last === undefined ? NONE : before;
    const changes = await this.#changesUpTo(job);
    if (job.version >= this.version) {
      const read = [...(job.progressTick > 0 ? [progressFrame(job)] : []), ...(last ? [last] : [])];
      const { ready, waiting } = inSequence(this.#early, job.version, covered, this.#ticksOf(job, read));
      this.#early = waiting;
      this.#take(job, changes, [...ready, ...read]);
    }
    this.#early = this.#early.filter((frame) => !covered.has(frame));
  }

  /** The newest known tick of the job's version. */
  #ticksOf({ version }: Pick<Job, 'version'>, read: TickFrame[]): number {
    const known = version === this.version ? this.#tick : 0;
    return Math.max(known, ...read.filter(({ cursor }) => cursor.version === version).map(tickOf));
  }

  /** The changes since the last read. None on the first read, because nothing was shown before it. */
  async #changesUpTo(job: Job): Promise<JobChange[]> {
    if (!this.#job || job.version <= this.#job.version) return [];
    const changes = await this.reader.changesAfter(this.watched, this.#job.version);
    return changes.filter(({ version }) => version <= job.version);
  }

  /**
   * Emits the new frames in order of their cursors: when an attempt has already ended by the time its claim is read,
   * its ticks belong between the two status frames. Ticks of a version in which no attempt ran are forged and dropped.
   */
  #take(job: Job, changes: JobChange[], ticks: TickFrame[]): void {
    const active = [this.#job, ...changes, job].filter((state) => state?.status === 'active');
    const running = new Set(active.map((state) => state?.version));
    const own = ticks.filter(({ cursor }) => running.has(cursor.version));
    const frames: StreamFrame[] = [...statusFrames(changes, job, this.basePath), ...own];
    if (job.version > this.version) this.#tick = 0;
    this.#job = job;
    for (const frame of frames.toSorted((a, b) => (isAfter(a.cursor, b.cursor) ? 1 : -1))) this.#emit(frame);
  }

  /** Takes a frame from Redis. Progress may arrive before the nudge of its claim. */
  #accept(frame: TickFrame): void {
    const { version } = frame.cursor;
    const runs = version === this.version && this.#job?.status === 'active';
    if (!runs && version <= this.version) return;
    if (this.#early.length < MAX_EARLY) this.#early.push(frame);
    if (runs) {
      const { ready, waiting } = inSequence(this.#early, version, NONE, this.#tick);
      this.#early = waiting;
      for (const next of ready) this.#emit(next);
    }
    if (this.#early.length > 0) void this.refresh();
  }

  #emit(frame: StreamFrame): void {
    if (frame.cursor.version === this.version) this.#tick = Math.max(this.#tick, frame.cursor.tick);
    if (frame.type === 'progress') {
      if (this.#newest && !isAfter(frame.cursor, this.#newest.cursor)) return;
      this.#newest = frame;
    }
    this.frames$.next(frame);
  }
}

const NONE: ReadonlySet<TickFrame> = new Set();

/**
 * Splits frames into those that can be shown, in order, and those that must wait. Progress never waits, because every
 * progress frame is complete. A log frame after a gap waits: once it is shown, an older progress frame from the gap
 * could no longer be. `covered` are frames whose gaps have been read already.
 */
function inSequence(
  frames: TickFrame[],
  version: number,
  covered: ReadonlySet<TickFrame>,
  tick: number,
): { ready: TickFrame[]; waiting: TickFrame[] } {
  const own = frames.filter(({ cursor }) => cursor.version === version);
  const safe = own.filter((frame) => frame.type === 'progress' || covered.has(frame));
  let known = Math.max(tick, ...safe.map(tickOf));
  const ready = frames.filter(({ cursor }) => cursor.version < version);
  const waiting = frames.filter(({ cursor }) => cursor.version > version);
  for (const frame of own.toSorted((a, b) => tickOf(a) - tickOf(b))) {
    const follows = tickOf(frame) <= known + 1;
    if (follows) known = Math.max(known, tickOf(frame));
    (follows ? ready : waiting).push(frame);
  }
  return { ready, waiting };
}

function tickOf({ cursor }: TickFrame): number {
  return cursor.tick;
}
