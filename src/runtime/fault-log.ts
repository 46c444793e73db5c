import { Logger } from '@nestjs/common';
import { faultText } from './loggable.ts';

const QUIET_MS = 10_000;

/** Different texts that are remembered; an outage has a handful. */
const MOST = 100;

/**
 * Faults of Postgres and Redis that a part of the process meets over and over while an outage lasts. The same fault is
 * said once in ten seconds, and then how often it was met meanwhile.
 */
export class FaultLog {
  readonly #log: Logger;
  readonly #said = new Map<string, { until: number; unsaid: number }>();

  constructor(context: string) {
    this.#log = new Logger(context);
  }

  /** `what` is a sentence without its end, such as `Sweeping failed`. */
  report(what: string, error: unknown): void {
    const now = performance.now();
    const text = faultText(error);
    const said = this.#said.get(text);
    if (said && now < said.until) {
      said.unsaid += 1;
      return;
    }
    if (this.#said.size >= MOST) this.#said.clear();
    this.#said.set(text, { until: now + QUIET_MS, unsaid: 0 });
    const lasts = said && said.unsaid > 0 && now < said.until + QUIET_MS;
    this.#log.error(`${what}: ${text}${lasts ? ` (and ${said.unsaid} more like it meanwhile)` : ''}`);
  }
}
