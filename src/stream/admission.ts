import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../access/caller.ts';
import { JobError } from '../job/job-errors.ts';
import { JOBS_OPTIONS, type ResolvedOptions } from '../jobs.options.ts';

/** What a response tells of its own end, on every path: sent, aborted or never answered. */
export interface Closable {
  once(event: 'close', listener: () => void): unknown;
  readonly closed?: boolean;
  readonly destroyed?: boolean;
}

export const RETRY_AFTER_SECONDS = 5;

/** How many streams a caller, and all callers together, may have open in this process. */
@Injectable()
export class Admission {
  readonly #perCaller = new Map<string, number>();
  #total = 0;

  constructor(@Inject(JOBS_OPTIONS) private readonly options: ResolvedOptions) {}

  /** Streams that are open. */
  get total(): number {
    return this.#total;
  }

  /** Takes a place until the response closes, or throws 429. */
  admit({ tenant, subject }: Caller, response: Closable): void {
    const key = JSON.stringify([tenant, subject]);
    const open = this.#perCaller.get(key) ?? 0;
    const { maxPerCaller, maxTotal } = this.options.stream;
    if (open >= maxPerCaller)
      throw refusal('too_many_streams', `A caller may have ${maxPerCaller} streams open at most.`);
    if (this.#total >= maxTotal) throw refusal('server_full', 'The server has no room for another stream.');
    if (response.destroyed || response.closed) return;
    this.#perCaller.set(key, open + 1);
    this.#total += 1;
    response.once('close', () => this.#leave(key));
  }

  #leave(key: string): void {
    this.#total -= 1;
    const open = (this.#perCaller.get(key) ?? 1) - 1;
    if (open > 0) this.#perCaller.set(key, open);
    else this.#perCaller.delete(key);
  }
}

function refusal(code: string, message: string): JobError {
  return new JobError(429, code, message);
}
