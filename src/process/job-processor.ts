import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Events } from '../events/events.ts';
import { HandlerRegistry, type RegisteredHandler } from '../handlers/handler-registry.ts';
import { validate } from '../handlers/validate.ts';
import { PermanentFailure } from '../job/job-errors.ts';
import { errorNames, framesOf } from '../runtime/loggable.ts';
import { Outage } from '../runtime/outage.ts';
import { isA, read } from '../runtime/readable.ts';
import { untilDone } from '../runtime/until-done.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import type { ClaimedJob, JobRef } from '../store/job-columns.ts';
import { GatheredMoves } from './gathered-moves.ts';
import { LogRecorder } from './log-recorder.ts';
import { type Ending, invalidPayload, settlementOf } from './outcome.ts';
import { InvalidResult, storedResult } from './result.ts';
import { JobAborted, RunningJob } from './running-job.ts';
import { RunningJobs } from './running-jobs.ts';

/** Runs what Bull offers: claim → run → settle. Everything it writes is a compare-and-set on the claim's version. */
@Injectable()
export class JobProcessor {
  readonly #log = new Logger('Jobstream worker');
  readonly #outage = new Outage('Jobstream worker', 'Jobs are claimed and settled again');
  readonly #gaveUp = new AbortController();

  constructor(
    private readonly moves: GatheredMoves,
    private readonly registry: HandlerRegistry,
    private readonly running: RunningJobs,
    private readonly logs: LogRecorder,
    private readonly events: Events,
    private readonly options: ResolvedOptions,
  ) {}

  /** Stops trying to settle what Postgres does not take: the lease gives those jobs to another worker. */
  giveUp(): void {
    this.#gaveUp.abort();
  }

  /** Runs the job if it is still as it was offered. Resolves when its handler has really ended. */
  async process(ref: JobRef, stopping: AbortSignal): Promise<void> {
    const claimed = await this.#untilDone(`Claiming job ${ref.id}`, () => this.moves.claim(ref), stopping);
    // Its type is known to other workers only, or this one stops. Where another worker has it, giving back does nothing.
    if (!claimed) return this.moves.giveBack(ref);
    const job = this.#begin(claimed);
    const handler = this.registry.get(job.type);
    const forget = this.running.add(job);
    const handling = this.#handle(job, handler);
    try {
      const ending = await this.#endingOf(job, handler, handling);
      await this.#settle(job, handler, ending);
    } finally {
      forget();
    }
    // An overruled handler still occupies its slot: it may be using what the slot stands for.
    await handling;
  }

  #begin(claimed: ClaimedJob): RunningJob {
    return new RunningJob(claimed, {
      progressIntervalMs: this.options.progressIntervalMs,
      progressed: (progressed) => this.events.tell(progressed),
      log: (job, level, entry) => this.logs.add(job, level, entry),
    });
  }

  /** Never rejects: an error is one of the ways to end. */
  async #handle(job: RunningJob, handler: RegisteredHandler): Promise<Ending> {
    try {
      const parsed = await validate(handler.schema, job.job.payload);
      if ('issues' in parsed) throw invalidPayload(parsed.issues);
      return { result: storedResult(await handler.run(parsed.value, job)) };
    } catch (error) {
      if (!isAbort(error)) this.#logFailure(job, error);
      return { error };
    }
  }

  /** How the handler ended, or `overruled` once its signal has been aborted for longer than the grace. */
  async #endingOf(job: RunningJob, handler: RegisteredHandler, handling: Promise<Ending>): Promise<Ending> {
    const timeout = handler.timeoutMs && setTimeout(() => job.abort('timeout'), handler.timeoutMs);
    const ended = new AbortController();
    const overruled = new Promise<Ending>((resolve) => {
      job.signal.addEventListener('abort', () => {
        delay(this.options.cancelGraceMs, undefined, { signal: ended.signal }).then(
          () => resolve('overruled'),
          () => undefined,
        );
      });
    });
    try {
      return await Promise.race([handling, overruled]);
    } finally {
      ended.abort();
      clearTimeout(timeout);
    }
  }

  async #settle(job: RunningJob, handler: RegisteredHandler, ending: Ending): Promise<void> {
    job.close();
    await this.#untilDone(`Storing the log of job ${job.id}`, () => this.logs.finish(job));
    const settlement = settlementOf(job, handler, ending);
    // The lease is renewed meanwhile; whoever takes the job over makes this a no-op.
    const settled = await this.#untilDone(`Settling job ${job.id}`, () => this.moves.settle(settlement));
    if (settled) return;
    this.#log.warn(
      `Job ${job.id}: attempt ${job.attempt} ended after the job was taken away; nothing was changed.`,
    );
  }

  /** Tries until Postgres answers, as an offer that is dropped would wait long for its next; null when stopped. */
  #untilDone<T>(what: string, work: () => Promise<T>, stop = this.#gaveUp.signal): Promise<T | null> {
    return untilDone(`${what} failed and is tried again`, work, stop, this.#outage);
  }

  /** Without the message, which may hold the payload: it stands with the job, for those who may see that. */
  #logFailure(job: RunningJob, error: unknown): void {
    const attempt = `attempt ${job.attempt} of ${job.maxAttempts}`;
    const what = `Job ${job.id} (${job.type}) failed in ${attempt}: ${errorNames(error)}`;
    if (isA(error, PermanentFailure) || isA(error, InvalidResult)) this.#log.warn(what);
    else this.#log.error(what, framesOf(error));
  }
}

/** Whether a handler ended as its signal was aborted: many APIs throw an `AbortError` of their own, caused by the reason. */
function isAbort(error: unknown): boolean {
  return (
    isA(error, JobAborted) || (read(error, 'name') === 'AbortError' && isA(read(error, 'cause'), JobAborted))
  );
}
