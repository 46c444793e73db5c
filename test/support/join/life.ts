import { isAfter, parseCursor } from '../../../src/job/cursor.ts';
import type { JobStatus, TenantJob } from '../../../src/job/job.ts';
import type { ResolvedOptions } from '../../../src/jobs.options.ts';
import type { Subscriptions } from '../../../src/redis/subscriptions.ts';
import type { JobStore } from '../../../src/store/job-store.ts';
import type { JobReader } from '../../../src/stream/job-reader.ts';

/** What can happen to a job. `save` stores its progress in the row, as a worker does once a second. */
export type LifeStep = 'claim' | 'progress' | 'log' | 'save' | 'requeue' | 'complete' | 'fail' | 'retry';

/** Where the job is, by what was done to it. */
export interface Position {
  status: JobStatus;
  version: number;
  /** The newest tick of the attempt, and the newest that was progress. */
  tick: number;
  progressTick: number;
}

/** Postgres, Redis and the worker; in memory or real. */
export interface JoinBackend {
  readonly job: TenantJob;
  /** Those of whoever publishes: their prefix says where. */
  readonly options: ResolvedOptions;
  readonly reader: Pick<JobReader, 'job' | 'lastFrame' | 'changesAfter'>;
  readonly store: Pick<JobStore, 'positions'>;
  readonly subscriptions: Pick<Subscriptions, 'listen'>;
  /** Does it to the job; what is published has arrived at the subscriptions when it resolves. */
  happen(step: LifeStep, position: Position): Promise<void>;
  /** Lets everything happen that waits for nobody. */
  settle(): Promise<void>;
  /** Ends the connection of the subscriptions. */
  breakConnection(): Promise<void>;
  /** Resolves once they are connected again. */
  connect(): Promise<void>;
}

/** A job's life, the viewer that comes into it, and what may go wrong. */
export interface JoinScenario {
  life: readonly LifeStep[];
  /** How many steps of the life are over when the viewer comes. */
  before: number;
  cursor: string;
  logs: boolean;
  /** Whether the channel is live when the choices begin, so that only what the viewer has missed is still unread. */
  live: boolean;
  /** How many times each of these may happen. */
  faults: { lose?: number; double?: number; break?: number; leave?: number; tick?: number };
}

/** Something that can happen next. */
export interface Happening {
  name: string;
  act: () => void | Promise<void>;
}

const BECOMES: Partial<Record<LifeStep, JobStatus>> = {
  claim: 'active',
  requeue: 'queued',
  complete: 'completed',
  fail: 'failed',
  retry: 'queued',
};

/** Moves the job by one step. */
export function move(position: Position, step: LifeStep): void {
  const status = BECOMES[step];
  if (status) {
    const keepsProgress = status === 'completed' || status === 'failed';
    Object.assign(position, { status, version: position.version + 1, ...(keepsProgress ? {} : NO_TICKS) });
  } else if (step !== 'save') {
    position.tick += 1;
    if (step === 'progress') position.progressTick = position.tick;
  }
}

const NO_TICKS = { tick: 0, progressTick: 0 };

/** Whether the first id comes before the second. */
export function isBefore(first: string, second: string): boolean {
  const [a, b] = [parseCursor(first), parseCursor(second)];
  if (!a || !b) throw new Error(`Not ids: ${first}, ${second}`);
  return isAfter(b, a);
}
