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

/** Runs the jobs that Bull offers: claim, run, settle. Every write is a compare-and-set on the claimed version. */
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

  /** Stops retrying settlements that fail. The leases of those jobs expire, and other workers take them over. */
  giveUp(): void {
    this.#gaveUp.abort();
  }

  /** Runs the job if it still has the offered version. Resolves when its handler has actually returned. */
  async process(ref: JobRef, stopping: AbortSignal): Promise<void> {
    const claimed = await this.#untilDone(`Claiming job ${ref.id}`, () => this.moves.claim(ref), stopping);
    // Only other workers handle this type, or this one is stopping. If another worker has claimed the job already,
    // giving it back does nothing.
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
    // A handler that ignored its abort keeps its slot, because it may still use the resources that the slot limits.
    await handling;
  }

  #begin(claimed: ClaimedJob): RunningJob {
    return new RunningJob(claimed, {
      progressIntervalMs: this.options.progressIntervalMs,
      progressed: (progressed) => this.events.tell(progressed),
      log: (job, level, entry) => this.logs.add(job, level, entry),
    });
  }

  /** Never rejects: an error is one kind of ending. */
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

  /** How the handler ended, or `overruled` when it still runs after the grace that follows its abort. */
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
    // The lease is still renewed during the retries. If another worker has taken the job over, this changes nothing.
    const settled = await this.#untilDone(`Settling job ${job.id}`, () => this.moves.settle(settlement));
    if (settled) return;
    this.#log.warn(
      `Job ${job.id}: attempt ${job.attempt} ended after the job was taken away, so its outcome was dropped.`,
    );
  }

  /** Retries until Postgres answers, because a dropped offer is repeated only after a minute. Null when stopped. */
  #untilDone<T>(what: string, work: () => Promise<T>, stop = this.#gaveUp.signal): Promise<T | null> {
    return untilDone(`${what} failed and is tried again`, work, stop, this.#outage);
  }

  /** The message is left out because it may quote the payload. It is stored with the job, for those who may see it. */
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
