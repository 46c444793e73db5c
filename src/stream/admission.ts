import { Injectable } from '@nestjs/common';
import type { Caller } from '../access/caller.ts';
import { JobError } from '../job/job-errors.ts';
import { ResolvedOptions } from '../jobs.options.ts';

/** The part of Node's responses and sockets that tells when they close. */
export interface Closable {
  once(event: 'close', listener: () => void): unknown;
  readonly closed?: boolean;
  readonly destroyed?: boolean;
}

const RETRY_AFTER_SECONDS = 5;

/** Limits the open streams of one caller, and of all callers in this process. */
@Injectable()
export class Admission {
  readonly #perCaller = new Map<string, number>();
  /** One listener per socket, however many requests a client pipelines on it. */
  readonly #bySocket = new WeakMap<Closable, Set<() => void>>();
  #total = 0;

  constructor(private readonly options: ResolvedOptions) {}

  /** Slots that are taken. */
  get total(): number {
    return this.#total;
  }

  /**
   * Takes a slot until the response or its socket closes, or throws 429. It listens to both: a response that is
   * pipelined behind another one never emits `close` when the client leaves, and a socket may outlive many responses.
   */
  admit({ tenant, subject }: Caller, response: Closable, socket: Closable): void {
    const key = JSON.stringify([tenant, subject]);
    const { maxPerCaller, maxTotal } = this.options.stream;
    if ((this.#perCaller.get(key) ?? 0) >= maxPerCaller)
      throw refusal('too_many_streams', `A caller may have at most ${maxPerCaller} open streams.`);
    if (this.#total >= maxTotal)
      throw refusal('server_full', 'The server has reached its limit of open streams.');
    if (response.destroyed || response.closed || socket.destroyed) return;
    this.#count(key, 1);
    const waiting = this.#leavingWith(socket);
    const leave = (): void => {
      if (waiting.delete(leave)) this.#count(key, -1);
    };
    waiting.add(leave);
    response.once('close', leave);
  }

  #leavingWith(socket: Closable): Set<() => void> {
    const known = this.#bySocket.get(socket);
    if (known) return known;
    const leaving = new Set<() => void>();
    this.#bySocket.set(socket, leaving);
    socket.once('close', () => leaving.forEach((leave) => leave()));
    return leaving;
  }

  #count(key: string, change: 1 | -1): void {
    this.#total += change;
    const open = (this.#perCaller.get(key) ?? 0) + change;
    if (open > 0) this.#perCaller.set(key, open);
    else this.#perCaller.delete(key);
  }
}

function refusal(code: string, message: string): JobError {
  return new JobError(429, code, message, { retryAfter: RETRY_AFTER_SECONDS });
}
