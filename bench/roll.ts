/**
 * Tracks the frames that each viewer received. Every viewer must receive a frame exactly once before the next is sent.
 */
export class Roll {
  /** When the newest frame of each viewer was sent. */
  readonly #newest: number[] = [];
  #startedAt = 0;
  #arrived = 0;
  #repeated = 0;
  #lost = 0;
  #latencies: number[] = [];
  #onArrival: (() => void) | null = null;

  /** Adds a viewer and returns its number. */
  add(): number {
    return this.#newest.push(0) - 1;
  }

  /** Notes that a viewer was disconnected. */
  lose(): void {
    this.#lost += 1;
  }

  /** Frames sent until this time are not counted. */
  start(at: number): void {
    this.#startedAt = at;
  }

  /** Notes frames of a viewer, by the microsecond at which each was sent. */
  mark(viewer: number, sentAt: readonly number[], at: number): void {
    for (const sent of sentAt) {
      if (sent <= this.#startedAt) continue;
      if (sent <= (this.#newest[viewer] ?? 0)) {
        this.#repeated += 1;
        continue;
      }
      this.#newest[viewer] = sent;
      this.#arrived += 1;
      this.#latencies.push((at - sent) / 1_000);
    }
    if (this.#arrived >= this.#newest.length) this.#onArrival?.();
  }

  /** Waits until every viewer has received one more frame. Resolves to a description of the problem, or null. */
  async call(timeoutMs: number): Promise<string | null> {
    if (this.#arrived < this.#newest.length) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#onArrival = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#onArrival = null;
    const [arrived, of, repeated, lost] = [this.#arrived, this.#newest.length, this.#repeated, this.#lost];
    this.#arrived = 0;
    if (arrived === of && repeated === 0 && lost === 0) return null;
    return `${arrived} of ${of} arrived, ${repeated} repeated, ${lost} cut off`;
  }

  /** Milliseconds from sending to arrival, one per delivery since the previous call. */
  takeLatencies(): number[] {
    const taken = this.#latencies;
    this.#latencies = [];
    return taken;
  }
}
