import type { JobContext, LogLevel } from '../../src/job/job-handler.ts';
import type { ProgressUpdate } from '../../src/job/progress.ts';

export interface RecordingJobContext extends JobContext {
  /** Every call of `progress()`, in order. */
  readonly updates: ProgressUpdate[];
  /** Every log line, in order. */
  readonly lines: { level: LogLevel; text: string }[];
  abort(reason?: Error): void;
}

export interface RecordingJobContextOptions {
  attempt?: number;
  /** Called after each recorded progress, for instance to abort at a certain point. */
  onProgress?: (update: ProgressUpdate, job: RecordingJobContext) => void;
}

/** A `JobContext` that keeps what a handler reports, for calling handlers without a queue. */
export function recordingJobContext(options: RecordingJobContextOptions = {}): RecordingJobContext {
  const controller = new AbortController();
  const updates: ProgressUpdate[] = [];
  const lines: RecordingJobContext['lines'] = [];
  const at = (level: LogLevel) => (entry: unknown) => void lines.push({ level, text: String(entry) });
  const job: RecordingJobContext = {
    id: '00000000-0000-7000-8000-000000000000',
    type: 'test',
    tenant: 'acme',
    owner: null,
    attempt: options.attempt ?? 1,
    maxAttempts: 3,
    signal: controller.signal,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    progress(update) {
      updates.push(update);
      options.onProgress?.(update, job);
    },
    updates,
    lines,
    abort: (reason = new Error('aborted by the test')) => controller.abort(reason),
  };
  return job;
}
