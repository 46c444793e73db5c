import { isAfter, parseCursor } from '../../../src/job/cursor.ts';
import type { JobStatus } from '../../../src/job/job.ts';

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
