import type { Outage } from './outage.ts';

/**
 * One turn of a loop. `stop` aborts when the loop is stopped; long work must end on it. `due` is false when `wake()`
 * started the turn early. A turn that had nothing to do returns false, because its success must not end an outage.
 */
export type Turn = (stop: AbortSignal, due: boolean) => unknown;

export interface LoopOptions {
  /** Milliseconds from the end of one due turn to the next. */
  everyMs: number;
  /** Reports that turns fail, and that they succeed again. */
  outage: Outage;
  /** Log text for a failed turn, without a full stop, such as `Renewing leases failed`. */
  failed: string;
  /** Whether the timer keeps the process alive. Default true. */
  ref?: boolean;
}

/**
 * Runs a turn repeatedly, one at a time. A failed turn is reported and does not end the loop. A stopped loop can be
 * started again, even while its last turn still runs.
 */
export class Loop {
  #stop: AbortController | null = null;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = 0;
  #running = false;
  #woken = false;
  #settled: Promise<void> = Promise.resolve();

  constructor(
    private readonly turn: Turn,
    private readonly options: LoopOptions,
  ) {}

  /** Schedules the first turn after `everyMs`; `wake()` starts it earlier. */
  start(): void {
    if (this.#stop) return;
    this.#stop = new AbortController();
    this.#dueAt = performance.now() + this.options.everyMs;
    this.#rest();
  }

  /** Starts a turn at once. If one is running, exactly one more follows it, however often this is called. */
  wake(): void {
    if (!this.#stop) return;
    this.#woken = true;
    this.#begin();
  }

  /**
   * Resolves when no turn is running any more. A turn that stops its own loop must not await that, because it would
   * wait for itself. It passes its own `stop` signal, and this resolves at once.
   */
  stop(own?: AbortSignal): Promise<void> {
    this.#stop?.abort();
    this.#stop = null;
    this.#woken = false;
    if (this.#timer) clearTimeout(this.#timer);
    return own ? Promise.resolve() : this.#settled;
  }

  /** Resolves when the current turn is over; at once when none is running. */
  settled(): Promise<void> {
    return this.#settled;
  }

  #begin(): void {
    if (!this.#stop || this.#running) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#running = true;
    this.#woken = false;
    this.#settled = this.#run(this.#stop.signal, performance.now() >= this.#dueAt);
  }

  async #run(stop: AbortSignal, due: boolean): Promise<void> {
    const { outage, failed, everyMs } = this.options;
    try {
      if ((await this.turn(stop, due)) !== false) outage.over();
    } catch (error) {
      outage.told(failed, error);
    } finally {
      this.#running = false;
      if (due) this.#dueAt = performance.now() + everyMs;
      this.#rest();
    }
  }

  /** A wake does not postpone the next due turn. */
  #rest(): void {
    if (!this.#stop || this.#running) return;
    if (this.#woken) return this.#begin();
    const wait = Math.max(0, this.#dueAt - performance.now());
    this.#timer = setTimeout(() => this.#onTime(), wait);
    if (this.options.ref === false) this.#timer.unref();
  }

  /** Timers may fire up to a millisecond early, so the turn is made due now. */
  #onTime(): void {
    this.#dueAt = Math.min(this.#dueAt, performance.now());
    this.#begin();
  }
}
