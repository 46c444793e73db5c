import { Logger } from '@nestjs/common';
import { faultText } from './loggable.ts';

const QUIET_MS = 10_000;

/**
 * Faults of Postgres and Redis that a part of the process meets over and over while an outage lasts. One line in ten
 * seconds: what lasts is said again, with how many were not.
 */
export class FaultLog {
  readonly #log: Logger;
  #quietUntil = -Infinity;
  #unsaid = 0;

  constructor(context: string) {
    this.#log = new Logger(context);
  }

  /** `what` is a sentence without its end, such as `Sweeping failed`. */
  report(what: string, error: unknown): void {
    const now = performance.now();
    if (now < this.#quietUntil) {
      this.#unsaid += 1;
      return;
    }
    const more = this.#unsaid > 0 ? ` (and ${this.#unsaid} more since the last line)` : '';
    this.#log.error(`${what}: ${faultText(error)}${more}`);
    this.#quietUntil = now + QUIET_MS;
    this.#unsaid = 0;
  }
}
