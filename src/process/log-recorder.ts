import { Injectable } from '@nestjs/common';
import type { LogLevel } from '../job/job-handler.ts';
import type { NewLogLine } from '../job/log-line.ts';
import { logText } from '../runtime/error-text.ts';
import { Outage } from '../runtime/outage.ts';
import { storableText } from '../runtime/storable.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { MAX_FRAME_BYTES } from '../publish/frame.ts';
import { FramePublisher } from '../publish/frame-publisher.ts';
import { JobLogs } from '../store/job-logs.ts';
import type { RunningJob } from './running-job.ts';

/** Most lines that are kept of one attempt. One more line says that others were left out. */
const MAX_LINES = 10_000;
const MAX_TEXT = 2_000;
/** Most lines in one frame. With `MAX_TEXT` that stays well below what may be buffered for a viewer. */
const MAX_BATCH = 50;
/** Upper bound for the parts of a frame besides its data. */
const ID_BYTES = 100;

interface Buffer {
  lines: NewLogLine[];
  written: number;
}

/** Buffers the log lines of running jobs, stores them in batches, and then publishes them. */
@Injectable()
export class LogRecorder {
  readonly #outage = new Outage('Jobstream worker', 'Log lines are stored again');
  readonly #buffers = new Map<RunningJob, Buffer>();
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(
    private readonly logs: JobLogs,
    private readonly publisher: FramePublisher,
    private readonly options: ResolvedOptions,
  ) {}

  add(job: RunningJob, level: LogLevel, entry: unknown): void {
    const buffer = this.#bufferOf(job);
    buffer.written += 1;
    if (buffer.written > MAX_LINES + 1) return;
    const line =
      buffer.written > MAX_LINES
        ? `Only the first ${MAX_LINES} lines of an attempt are kept.`
        : logText(entry, MAX_TEXT);
    buffer.lines.push({ level, text: storableText(line), at: new Date().toISOString() });
    if (!this.#timer) this.#timer = setTimeout(() => this.#flushOnTime(), this.options.progressIntervalMs);
  }

  /** Stores the job's remaining lines. Call it before the job is settled, because lines are fenced by its version. */
  async finish(job: RunningJob): Promise<void> {
    if (!this.#buffers.has(job)) return;
    await this.#flushAll();
    this.#buffers.delete(job);
  }

  #bufferOf(job: RunningJob): Buffer {
    const buffer = this.#buffers.get(job) ?? { lines: [], written: 0 };
    this.#buffers.set(job, buffer);
    return buffer;
  }

  #flushOnTime(): void {
    this.#timer = null;
    this.#flushAll().catch((error: Error) =>
      this.#outage.told('Storing log lines failed and is tried again', error),
    );
  }

  /** Flushes run one at a time, so that lines stay in order. Calls during a flush share the next one. */
  #flushAll(): Promise<void> {
    if (!this.#next) {
      const next = this.#writing.then(() => {
        this.#next = null;
        return this.#flush([...this.#buffers.keys()]);
      });
      this.#next = next;
      // The caller gets the failure through `next`. It must not stop the flushes that follow.
      this.#writing = next.catch(() => undefined);
    }
    return this.#next;
  }

  async #flush(jobs: RunningJob[]): Promise<void> {
    for (let batches = this.#take(jobs); batches.length > 0; batches = this.#take(jobs)) {
      const stored = batches.map(({ job, lines }) => ({ ...job.ref, lines }));
      const before = await this.logs.append(stored).catch((error: unknown) => {
        for (const { job, lines } of batches) this.#bufferOf(job).lines.unshift(...lines);
        throw error;
      });
      this.#outage.over();
      batches.forEach(({ job, lines }, index) => this.#publish(job, lines, before[index] ?? null));
    }
  }

  #take(jobs: RunningJob[]): { job: RunningJob; lines: NewLogLine[] }[] {
    return jobs
      .map((job) => ({ job, lines: this.#buffers.get(job)?.lines.splice(0, MAX_BATCH) ?? [] }))
      .filter(({ lines }) => lines.length > 0);
  }

  #publish(job: RunningJob, lines: NewLogLine[], before: number | null): void {
    if (before === null) return;
    const data = JSON.stringify({
      lines: lines.map((line, index) => ({ n: before + index + 1, ...line })),
      dropped: 0,
    });
    // Characters may need several bytes or be escaped, so the size is only known now. A single line always fits.
    if (Buffer.byteLength(data) > MAX_FRAME_BYTES - ID_BYTES && lines.length > 1) {
      const half = Math.ceil(lines.length / 2);
      this.#publish(job, lines.slice(0, half), before);
      return this.#publish(job, lines.slice(half), before + half);
    }
    const cursor = { version: job.version, tick: job.nextTick() };
    void this.publisher.publish(job.id, { cursor, type: 'log', data });
  }
}
