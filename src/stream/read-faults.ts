import { Injectable } from '@nestjs/common';
import { FaultLog } from '../runtime/fault-log.ts';

/** What streams could not read, and read again until they can. */
@Injectable()
export class ReadFaults {
  readonly #log = new FaultLog('Jobstream streams');

  report(what: string, error: unknown): void {
    this.#log.report(`Reading ${what} for streams failed and is tried again`, error);
  }
}
