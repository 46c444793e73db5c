import { Subject } from 'rxjs';
import { isAfter } from '../job/cursor.ts';
import type { Job, JobChange, TenantJob } from '../job/job.ts';
import { decodeMessage, type TickFrame } from '../publish/frame.ts';
import type { Subscriber } from '../redis/subscriptions.ts';
import { progressFrame, type StreamFrame, statusFrames } from './frames.ts';
import type { JobReader } from './job-reader.ts';
import type { ReadFaults } from './read-faults.ts';

/** Frames that wait for a read, of their claim or of what is missing before them; more are not worth waiting for. */
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

  /** The job as last read; null before the first read, and when it does not exist. */
  get job(): Job | null {
    return this.#job;
  }

  /** The newest progress frame of the running attempt. */
  get progress(): StreamFrame | null {
    return this.#newest?.cursor.version === this.version ? this.#newest : null;
  }

  /** Whether frames wait for what is missing before them. */
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
      .catch((error: unknown) => this.faults.report(this.#name, error))
      .finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #read(): Promise<void> {
    // What waits now is accounted for by this read; of what comes meanwhile it may know only a part.
    const before = new Set(this.#early);
    const [job, last] = await Promise.all([
      this.reader.job(this.watched),
      this.reader.lastFrame(this.watched.id),
    ]);
    if (!job) return this.frames$.complete();
    // What Redis was not asked for may be what is missing.
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

  /** The newest tick of the version that is accounted for. */
  #ticksOf({ version }: Pick<Job, 'version'>, read: TickFrame[]): number {
    const known = version === this.version ? this.#tick : 0;
    return Math.max(known, ...read.filter(({ cursor }) => cursor.version === version).map(tickOf));
  }

  /** Before the first read nobody has been shown anything, so there is nothing to continue from. */
  async #changesUpTo(job: Job): Promise<JobChange[]> {
    if (!this.#job || job.version <= this.#job.version) return [];
    const changes = await this.reader.changesAfter(this.watched, this.#job.version);
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
    if (job.version > this.version) this.#tick = 0;
    this.#job = job;
    for (const frame of frames.toSorted((a, b) => (isAfter(a.cursor, b.cursor) ? 1 : -1))) this.#emit(frame);
  }

  /** Progress may overtake the nudge of its claim. */
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
 * The frames that nothing is missing before, in order, and those that have to wait. Progress waits for nothing, as it
 * says everything itself; but a log frame after a gap does, as viewers that were shown it could not be shown
 * the older progress that fell into the gap. `covered` are frames whose gaps were looked into.
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
