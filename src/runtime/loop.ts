import type { Outage } from './outage.ts';

/**
 * One turn of a loop. `stop` aborts when the loop is stopped: long work ends then. `due` is false when only a wake has
 * begun it. A turn that had nothing to do, so that its success says nothing, answers false.
 */
export type Turn = (stop: AbortSignal, due: boolean) => unknown;

export interface LoopOptions {
  /** Milliseconds from the end of one turn that was due to the next one. */
  everyMs: number;
  /** Is told of turns that fail, and that they succeed again. */
  outage: Outage;
  /** What it means that a turn fails, for the log: a sentence without its end, such as `Renewing leases failed`. */
  failed: string;
  /** Whether its timer keeps the process alive; default true. */
  ref?: boolean;
}

/**
 * Does something again and again, never twice at a time. A turn that fails is told, and the next one comes all the
 * same. It can be started again after it was stopped, also while its last turn still runs.
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

  /** The first turn comes after `everyMs`, or with a wake. */
  start(): void {
    if (this.#stop) return;
    this.#stop = new AbortController();
    this.#dueAt = performance.now() + this.options.everyMs;
    this.#rest();
  }

  /** Begins a turn at once; while one runs, one more comes after it, however often it was woken. */
  wake(): void {
    if (!this.#stop) return;
    this.#woken = true;
    this.#begin();
  }

  /**
   * Resolves once nothing runs any more. A turn that stops its own loop does not wait for that, which would never come:
   * it calls this without awaiting it, or passes its signal.
   */
  stop(own?: AbortSignal): Promise<void> {
    this.#stop?.abort();
    this.#stop = null;
    this.#woken = false;
    if (this.#timer) clearTimeout(this.#timer);
    return own ? Promise.resolve() : this.#settled;
  }

  /** Resolves when the turn that runs now is over; at once when none does. */
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

  /** Wakes do not put off what is due by time. */
  #rest(): void {
    if (!this.#stop || this.#running) return;
    if (this.#woken) return this.#begin();
    const wait = Math.max(0, this.#dueAt - performance.now());
    this.#timer = setTimeout(() => this.#onTime(), wait);
    if (this.options.ref === false) this.#timer.unref();
  }

  /** Timers may be up to a millisecond early. */
  #onTime(): void {
    this.#dueAt = Math.min(this.#dueAt, performance.now());
    this.#begin();
  }
}
