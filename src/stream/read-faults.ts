import { Injectable } from '@nestjs/common';
import { Events } from '../events/events.ts';
import { Outage } from '../runtime/outage.ts';

const CONTEXT = 'Jobstream streams';

/** Reports what streams could not read: rows, which are read again until it works, and messages, which are dropped. */
@Injectable()
export class ReadFaults {
  readonly outage = new Outage(CONTEXT, 'Streams are read again');
  readonly #messages = new Outage(CONTEXT, 'Messages from Redis can be read again', 'warn');

  constructor(private readonly events: Events) {}

  report(what: string, error: unknown): void {
    this.outage.told(readingFailed(what), error);
  }

  /**
   * Passes on a decoded message. Null means that it was malformed and dropped, because anyone with access to Redis can
   * publish.
   */
  checked<T>(channel: string, decoded: T | null): T | null {
    if (decoded !== null) this.#messages.over();
    else {
      this.events.tell({ name: 'malformed', channel });
      this.#messages.told('A message from Redis was dropped', new Error(`malformed, for ${channel}`));
    }
    return decoded;
  }
}

/** The log text for a failed read, without a full stop. */
export function readingFailed(what: string): string {
  return `Reading ${what} for streams failed and is tried again`;
}
