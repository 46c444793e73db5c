import type { Progress } from '../job/job.ts';
import { type ProgressUpdate, toProgress } from '../job/progress.ts';

/** Step changes go out at once, but not more often than this: a handler may change its step in a tight loop. */
const STEP_GAP_MS = 50;

export interface CoalescedProgress {
  progress: Progress;
  tick: number;
}

/**
 * Keeps only the newest of what a handler reports. The first report and a change of `step` are flushed at
 * once, everything else at most once per interval; `flush()` sends what is left, so the last is never lost.
 */
export class ProgressCoalescer {
  #newest: ProgressUpdate | null = null;
  #step: string | null | undefined;
  #flushedAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = Infinity;

  constructor(
    private readonly intervalMs: number,
    private readonly send: (progress: Progress) => void,
  ) {}

  report(update: ProgressUpdate): void {
    const first = this.#flushedAt === -Infinity && this.#newest === null;
    const stepChanged = update.step !== this.#step;
    // A copy, because handlers like to change and report the same object again.
    this.#newest = { ...update };
    this.#step = update.step;
    if (first || stepChanged) this.#flushIn(first ? 0 : STEP_GAP_MS);
    else if (!this.#timer) this.#flushIn(this.intervalMs);
  }

  /** Sends what has not been sent yet. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#dueAt = Infinity;
    if (!this.#newest) return;
    const progress = toProgress(this.#newest);
    this.#newest = null;
    this.#flushedAt = performance.now();
    this.send(progress);
  }

  /** Forgets what has not been sent and sends nothing more. */
  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#newest = null;
  }

  #flushIn(gapMs: number): void {
    const dueAt = this.#flushedAt + gapMs;
    const now = performance.now();
    if (dueAt <= now) return this.flush();
    if (this.#timer && this.#dueAt <= dueAt) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.flush(), dueAt - now);
  }
}
