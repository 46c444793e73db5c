import type { Job, JobChange, TenantJob } from '../../../src/job/job.ts';
import { toProgress } from '../../../src/job/progress.ts';
import { resolveOptions } from '../../../src/jobs.options.ts';
import { encodeFrame, encodeNudge, type TickFrame } from '../../../src/publish/frame.ts';
import type { Subscriber } from '../../../src/redis/subscriptions.ts';
import { aChange, aJob } from '../jobs.ts';
import type { JoinBackend, LifeStep, Position } from './life.ts';

const JWT = { secret: 'x'.repeat(32), issuer: 'unused', audience: 'unused' };
const OPTIONS = resolveOptions({ redis: 'redis://unused', jwt: JWT });

/** A row, its history, the last frame and a channel, in memory. */
export class MemoryBackend implements JoinBackend {
  #row: Job = aJob();
  readonly #history: JobChange[] = [aChange(1, 'queued')];
  #last: TickFrame | null = null;
  readonly #subscribers = new Set<Subscriber>();
  readonly job: TenantJob = this.#row;
  readonly options = OPTIONS;

  readonly reader = {
    job: () => Promise.resolve(this.#row),
    lastFrame: () => Promise.resolve(this.#last),
    changesAfter: (_job: TenantJob, after: number) =>
      Promise.resolve(this.#history.filter(({ version }) => version > after)),
  };
  readonly store = {
    positions: () =>
      Promise.resolve(new Map([[this.job.id, { version: this.#row.version, tick: this.#row.progressTick }]])),
  };
  readonly subscriptions = {
    listen: (_channel: string, subscriber: Subscriber) => {
      this.#subscribers.add(subscriber);
      return () => void this.#subscribers.delete(subscriber);
    },
  };

  happen(step: LifeStep, { status, version, tick, progressTick }: Position): Promise<void> {
    if (step === 'progress' || step === 'log') this.#publishFrame(step, version, tick);
    else if (step === 'save') this.#row = { ...this.#row, ...progressOf(progressTick) };
    else {
      this.#row = { ...this.#row, status, version, ...progressOf(progressTick) };
      this.#history.push(aChange(version, status));
      this.#publish(encodeNudge(version));
    }
    return Promise.resolve();
  }

  /** Every promise that can settle has by the next turn of the event loop. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  breakConnection(): Promise<void> {
    return Promise.resolve();
  }

  connect(): Promise<void> {
    return Promise.resolve();
  }

  #publishFrame(type: 'progress' | 'log', version: number, tick: number): void {
    const data = JSON.stringify(type === 'log' ? { lines: [], dropped: 0 } : { progress: { done: tick } });
    const frame: TickFrame = { cursor: { version, tick }, type, data };
    if (type === 'progress') this.#last = frame;
    this.#publish(encodeFrame(frame));
  }

  #publish(message: string): void {
    for (const subscriber of this.#subscribers) subscriber.onMessage(message);
  }
}

function progressOf(tick: number): Pick<Job, 'progress' | 'progressTick'> {
  return { progress: tick > 0 ? toProgress({ done: tick }) : null, progressTick: tick };
}
