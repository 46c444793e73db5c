import { Injectable } from '@nestjs/common';
import { Events } from '../events/events.ts';
import { Outage } from '../runtime/outage.ts';

const CONTEXT = 'Jobstream streams';

/** What streams could not read: rows, which they read again until they can, and messages, which they drop. */
@Injectable()
export class ReadFaults {
  readonly outage = new Outage(CONTEXT, 'Streams are read again');
  readonly #messages = new Outage(CONTEXT, 'Messages from Redis can be read again', 'warn');

  constructor(private readonly events: Events) {}

  report(what: string, error: unknown): void {
    this.outage.told(readingFailed(what), error);
  }

  /** What was decoded, where it is not null: anyone who can write to Redis can publish, and nonsense is dropped. */
  checked<T>(channel: string, decoded: T | null): T | null {
    if (decoded !== null) this.#messages.over();
    else {
      this.events.tell({ name: 'malformed', channel });
      this.#messages.told('A message from Redis was dropped', new Error(`malformed, for ${channel}`));
    }
    return decoded;
  }
}

/** As an outage is told of it. */
export function readingFailed(what: string): string {
  return `Reading ${what} for streams failed and is tried again`;
}
