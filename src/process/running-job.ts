import type { Fact } from '../events/facts.ts';
import type { JobContext, JobLog, LogLevel } from '../job/job-handler.ts';
import type { Progress } from '../job/job.ts';
import type { ProgressUpdate } from '../job/progress.ts';
import type { AttemptRef, ClaimedJob } from '../store/job-columns.ts';
import { ProgressCoalescer } from './progress-coalescer.ts';

/** Why a handler's signal is aborted. */
export type AbortReason = 'cancelled' | 'timeout' | 'lease_lost' | 'shutdown';

const ABORT_MESSAGES: Record<AbortReason, string> = {
  cancelled: 'The job was cancelled.',
  timeout: 'The attempt took longer than its handler allows.',
  lease_lost: 'Another worker may have taken over the job because this one did not renew its lease in time.',
  shutdown: 'The worker is shutting down.',
};

/** The reason of a `JobContext`'s signal. */
export class JobAborted extends Error {
  constructor(readonly reason: AbortReason) {
    super(ABORT_MESSAGES[reason]);
    this.name = 'JobAborted';
  }
}

export interface RunningJobOptions {
  progressIntervalMs: number;
  progressed: (progressed: Fact<'progressed'>) => void;
  log: (job: RunningJob, level: LogLevel, entry: unknown) => void;
}

/** One attempt at a job, from claim to settlement: the handler's context and the state of the attempt. */
export class RunningJob implements JobContext {
  readonly id: string;
  readonly type: string;
  readonly tenant: string;
  readonly owner: string | null;
  readonly attempt: number;
  readonly maxAttempts: number;
  /** The version that the claim created; every write of this attempt is fenced by it. */
  readonly version: number;
  readonly log: JobLog;
  /** When the lease was last renewed, by this process's monotonic clock. */
  renewedAt = performance.now();
  /** Whether to renew before it is due, in order to read from the row whether cancelling was requested. */
  renewSoon = false;
  #tick = 0;
  #closed = false;
  #unsaved: { progress: Progress; tick: number } | null = null;
  #newest: { progress: Progress; tick: number } | null = null;
  readonly #abort = new AbortController();
  readonly #progress: ProgressCoalescer;

  constructor(
    readonly job: ClaimedJob,
    private readonly options: RunningJobOptions,
  ) {
    ({ id: this.id, type: this.type, tenant: this.tenant, owner: this.owner } = job);
    ({ attempt: this.attempt, maxAttempts: this.maxAttempts, version: this.version } = job);
    this.#progress = new ProgressCoalescer(options.progressIntervalMs, (progress) => this.#send(progress));
    this.log = {
      debug: (entry) => this.#log('debug', entry),
      info: (entry) => this.#log('info', entry),
      warn: (entry) => this.#log('warn', entry),
      error: (entry) => this.#log('error', entry),
    };
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get ref(): AttemptRef {
    return { id: this.id, version: this.version, tenant: this.tenant };
  }

  get newestProgress(): { progress: Progress; tick: number } | null {
    return this.#newest;
  }

  progress(update: ProgressUpdate): void {
    if (this.#closed) return;
    this.#progress.report(update);
  }

  abort(reason: AbortReason): void {
    if (!this.signal.aborted) this.#abort.abort(new JobAborted(reason));
  }

  /** Why the signal was aborted; null when it was not. */
  get abortReason(): AbortReason | null {
    return this.signal.aborted ? (this.signal.reason as JobAborted).reason : null;
  }

  get hasUnsaved(): boolean {
    return this.#unsaved !== null;
  }

  /** Takes the progress that is not stored in Postgres yet, and regards it as stored. */
  takeUnsaved(): { progress: Progress; tick: number } | null {
    const unsaved = this.#unsaved;
    this.#unsaved = null;
    return unsaved;
  }

  /** Returns progress that could not be stored, unless newer progress was reported meanwhile. */
  putBack(unsaved: { progress: Progress; tick: number }): void {
    this.#unsaved ??= unsaved;
  }

  /** The next tick of this attempt, for a frame. */
  nextTick(): number {
    this.#tick += 1;
    return this.#tick;
  }

  /** Sends the last progress. Later reports and log lines of the handler are ignored. */
  close(): void {
    if (this.#closed) return;
    this.#progress.flush();
    this.#closed = true;
  }

  #send(progress: Progress): void {
    const tick = this.nextTick();
    this.#newest = this.#unsaved = { progress, tick };
    const { id, tenant, type, queue, version, attempt } = this.job;
    const job = { id, tenant, type, queue, version, attempt };
    this.options.progressed({ name: 'progressed', job, progress, tick });
  }

  #log(level: LogLevel, entry: unknown): void {
    if (!this.#closed) this.options.log(this, level, entry);
  }
}
