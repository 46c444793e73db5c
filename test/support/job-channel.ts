import { formatCursor, parseCursor, START } from '../../src/job/cursor.ts';
import type { Job, JobChange, JobStatus, TenantJob } from '../../src/job/job.ts';
import { toProgress } from '../../src/job/progress.ts';
import type { TickFrame } from '../../src/publish/frame.ts';
import { JobChannel } from '../../src/stream/job-channel.ts';
import type { JobReader } from '../../src/stream/job-reader.ts';
import { aChange, aJob } from './jobs.ts';

/** A progress or log frame with this id. */
export const tick = (cursor: string, type: TickFrame['type'] = 'progress'): TickFrame => ({
  cursor: parseCursor(cursor) ?? START,
  type,
  data: JSON.stringify({ at: cursor, ...(type === 'log' ? { lines: [], dropped: 0 } : { progress: {} }) }),
});

/** A row and its history in Postgres, and the last frame in Redis; the test decides when a read is answered. */
class FakeReader {
  row: Job | null = aJob();
  /** Undefined: Redis does not answer. */
  last: TickFrame | null | undefined = null;
  error: Error | null = null;
  reads = 0;
  /** Reads wait for `release()` while true; what they answer is what the row was when they began. */
  held = false;
  readonly #history: JobChange[] = [aChange(1, 'queued', 'submitted')];
  #waiting: (() => void)[] = [];

  move(status: JobStatus, parts: Partial<Job> = {}): void {
    const version = (this.row?.version ?? 0) + 1;
    this.row = aJob({ ...this.row, progressTick: 0, progress: null, ...parts, status, version });
    this.#history.push(aChange(version, status));
  }

  /** The row learns of progress, as it does once a second. */
  store(progressTick: number): void {
    if (this.row) this.row = { ...this.row, progressTick, progress: toProgress({ done: progressTick }) };
  }

  async job(): Promise<Job | null> {
    this.reads += 1;
    const { row, error } = this;
    if (this.held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (error) throw error;
    return row;
  }

  lastFrame(): Promise<TickFrame | null | undefined> {
    return Promise.resolve(this.last);
  }

  changesAfter(_job: TenantJob, after: number): Promise<JobChange[]> {
    return Promise.resolve(this.#history.filter(({ version }) => version > after));
  }

  release(): void {
    this.held = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A channel of a job that waits at version 1, and what its viewers see. */
export function openChannel() {
  const reader = new FakeReader();
  const errors: unknown[] = [];
  const faults = {
    report: (_what: string, error: unknown): void => void errors.push(error),
    checked: <T>(_channel: string, decoded: T | null): T | null => decoded,
  };
  const channel = new JobChannel(aJob(), reader as unknown as JobReader, '', faults);
  const seen: string[] = [];
  const state = { completed: false };
  channel.frames$.subscribe({
    next: ({ cursor, type }) => seen.push(`${formatCursor(cursor)} ${type}`),
    complete: () => (state.completed = true),
  });
  return { reader, channel, seen, errors, state };
}

/** Lets everything happen that does not wait for the test. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A channel that has read a job which is active at version 2. */
export async function openActive() {
  const opened = openChannel();
  opened.reader.move('active');
  await opened.channel.refresh();
  return opened;
}
