import { Injectable, Logger } from '@nestjs/common';
import { faultText } from '../job/loggable.ts';

/** One outage is met by every stream, several times a second. */
const QUIET_MS = 10_000;

/** What streams could not read, and read again until they can: one line in ten seconds, so what lasts is said again. */
@Injectable()
export class ReadFaults {
  readonly #log = new Logger('Jobstream streams');
  #quietUntil = -Infinity;

  report(what: string, error: unknown): void {
    const now = performance.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + QUIET_MS;
    this.#log.error(`Reading ${what} for streams failed and is tried again: ${faultText(error)}`);
  }
}
