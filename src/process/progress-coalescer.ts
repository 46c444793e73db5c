import type { Progress } from '../job/job.ts';
import { type ProgressUpdate, toProgress } from '../job/progress.ts';

/**
 * Shortest time between two changes of `step` that are sent early. Without it, a handler that changes its step with
 * every report would bypass the interval. With the default interval, at most 4.5 updates are sent per second.
 */
const EARLY_EVERY_MS = 2_000;

/**
 * Sends only the newest of a handler's reports. The first report is sent at once, and so is a change of `step`, but at
 * most every 2 s. Other reports are sent at most once per interval. `flush()` sends a waiting report, so the last one
 * is never lost.
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
    // A copy, because handlers often modify and report the same object again.
    this.#newest = { ...update };
    this.#step = update.step;
    if (this.#timer && !stepChanged) return;
    const now = performance.now();
    const waitMs = this.#flushedAt + this.intervalMs - now;
    if (waitMs <= 0 || (stepChanged && this.#mayBeEarly(now))) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), waitMs);
  }

  /** Sends the waiting report, if any. */
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
