import type { Progress } from '../job/job.ts';
import { type ProgressUpdate, toProgress } from '../job/progress.ts';

/**
 * How often a change of step may go out before its time, as a handler may change its step with every report: with
 * the default interval, that makes four and a half sends a second at most.
 */
const EARLY_EVERY_MS = 2_000;

/**
 * Keeps only the newest of what a handler reports. The first report is flushed at once, and so is a change of
 * `step`, once in two seconds; everything else at most once per interval. `flush()` sends what is left, so the last is
 * never lost.
 */
export class ProgressCoalescer {
  #newest: ProgressUpdate | null = null;
  #step: string | null | undefined;
  #flushedAt = -Infinity;
  #earlyAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly intervalMs: number,
    private readonly send: (progress: Progress) => void,
  ) {}

  report(update: ProgressUpdate): void {
    const stepChanged = update.step !== this.#step;
    // A copy, because handlers like to change and report the same object again.
    this.#newest = { ...update };
    this.#step = update.step;
    if (this.#timer && !stepChanged) return;
    const now = performance.now();
    const waitMs = this.#flushedAt + this.intervalMs - now;
    if (waitMs <= 0 || (stepChanged && this.#mayBeEarly(now))) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), waitMs);
  }

  /** Sends what has not been sent yet. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#newest) return;
    const progress = toProgress(this.#newest);
    this.#newest = null;
    this.#flushedAt = performance.now();
    this.send(progress);
  }

  #mayBeEarly(now: number): boolean {
    if (now - this.#earlyAt < EARLY_EVERY_MS) return false;
    this.#earlyAt = now;
    return true;
  }
}
