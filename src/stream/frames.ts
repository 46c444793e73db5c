import { type Cursor, formatCursor } from '../job/cursor.ts';
import { isFinal, type Job, type JobChange, toJobView } from '../job/job.ts';
import type { TickFrame } from '../publish/frame.ts';

export type FrameType = 'snapshot' | 'state' | 'progress' | 'log' | 'end' | 'reset';

/** A frame of a job's stream. `data` is JSON, encoded once for all viewers. */
export interface StreamFrame {
  cursor: Cursor;
  type: FrameType;
  data: string;
  /** Milliseconds that the client should wait before it reconnects. */
  retry?: number;
}

/** A frame as Nest writes it. Only fields that are present are sent, and Nest adds no ids. */
export interface WireFrame {
  id?: string;
  type?: string;
  data?: string;
  retry?: number;
  comment?: string;
}

export function toWire({ cursor, type, data, retry }: StreamFrame): WireFrame {
  return { id: formatCursor(cursor), type, data, ...(retry === undefined ? {} : { retry }) };
}

/** 2 to 4 s, so that viewers that were disconnected together do not reconnect together. */
export function jitteredRetry(): number {
  return 2_000 + Math.floor(Math.random() * 2_001);
}

/** The cursor of the row's newest progress. A final job keeps that of the version before. */
export function progressCursor(job: Job): Cursor {
  return { version: isFinal(job.status) ? job.version - 1 : job.version, tick: job.progressTick };
}

export function statusCursor({ version }: Pick<Job, 'version'>): Cursor {
  return { version, tick: 0 };
}

export function snapshotFrame(job: Job, basePath: string): StreamFrame {
  const cursor = job.status === 'active' ? progressCursor(job) : statusCursor(job);
  return {
    cursor,
    type: 'snapshot',
    data: JSON.stringify({ job: toJobView(job, basePath) }),
    retry: jitteredRetry(),
  };
}

export function endFrame(job: Job, basePath: string): StreamFrame {
  return { cursor: statusCursor(job), type: 'end', data: JSON.stringify({ job: toJobView(job, basePath) }) };
}

export function stateFrame({ status, version, attempt, reason, runAt, at }: JobChange): StreamFrame {
  const data = JSON.stringify({ status, version, attempt, reason, runAt, at });
  return { cursor: { version, tick: 0 }, type: 'state', data };
}

/** The status frames of a job's changes: `end` for the change that made the job final, `state` for all others. */
export function statusFrames(changes: JobChange[], job: Job, basePath: string): StreamFrame[] {
  return changes
    .filter(({ version }) => version <= job.version)
    .map((change) =>
      change.version === job.version && isFinal(job.status) ? endFrame(job, basePath) : stateFrame(change),
    );
}

/** A frame of the row's newest progress. */
export function progressFrame(job: Job): TickFrame {
  const { attempt, progress, updatedAt } = job;
  const data = JSON.stringify({ attempt, progress, at: updatedAt });
  return { cursor: progressCursor(job), type: 'progress', data };
}
