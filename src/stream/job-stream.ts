import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { type Cursor, parseCursor, START } from '../job/cursor.ts';
import { isFinal, type Job, type TenantJob } from '../job/job.ts';
import { pause, TRY_AGAIN_MS } from '../runtime/until-done.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import {
  endFrame,
  progressFrame,
  snapshotFrame,
  statusFrames,
  type StreamFrame,
  toWire,
  type WireFrame,
} from './frames.ts';
import type { JobChannel } from './job-channel.ts';
import { JobHub } from './job-hub.ts';
import { JobReader } from './job-reader.ts';
import { LogGate } from './log-gate.ts';
import { ReadFaults } from './read-faults.ts';
import { ReplayThenLive } from './replay-then-live.ts';
import type { Viewer } from './viewer.ts';
import { type StreamRequest, Viewers } from './viewers.ts';

export interface JobStreamRequest extends StreamRequest {
  /** Whether to send `log` frames. */
  logs: boolean;
}

/** The stream of one job after a cursor: first a replay from Postgres, then live frames. */
@Injectable()
export class JobStream {
  constructor(
    private readonly hub: JobHub,
    private readonly reader: JobReader,
    private readonly viewers: Viewers,
    private readonly faults: ReadFaults,
    private readonly options: ResolvedOptions,
  ) {}

  open(job: TenantJob, request: JobStreamRequest): Observable<WireFrame> {
    const asked = request.cursor === '' ? null : parseCursor(request.cursor);
    const malformed = request.cursor !== '' && asked === null;
    const mayStay = (): boolean => request.permit.sees(this.hub.jobOf(job.id));
    const viewerRequest = { ...request, mayStay, cursor: asked ? request.cursor : '0.0' };
    return this.viewers.open(viewerRequest, (viewer) => {
      if (malformed) reset(viewer, 'malformed_cursor');
      return this.#follow(job, viewer, asked, request.logs);
    });
  }

  #follow(job: TenantJob, viewer: Viewer, cursor: Cursor | null, logs: boolean): () => void {
    const { channel, release } = this.hub.watch(job);
    const join = new ReplayThenLive<StreamFrame>(cursor ?? START);
    const stopped = new AbortController();
    const lines = new LogGate(viewer);
    const deliver = (frames: StreamFrame[]): void => {
      for (const frame of frames) {
        if (stopped.signal.aborted) return;
        for (const passed of lines.through(frame)) send(viewer, passed);
      }
    };
    const live = channel.frames$.subscribe({
      next: (frame) => viewer.attempt(() => (logs || frame.type !== 'log') && deliver(join.live(frame))),
      complete: () => viewer.attempt(() => viewer.bye('gone')),
    });
    const begin = (replay: (Replay & { job: Job }) | null): void => {
      if (!replay) return;
      const { beginning, frames } = replay;
      deliver(beginning ? join.begin(beginning, frames) : join.replay(frames));
      // The client already has the end, so nothing is sent. On its next connect it gets `204`.
      if (isFinal(replay.job.status) && !stopped.signal.aborted) viewer.end();
    };
    this.#replay(channel, viewer, cursor, stopped.signal)
      .then(begin)
      .catch((error: unknown) => viewer.fail(error));
    return () => {
      stopped.abort();
      live.unsubscribe();
      release();
    };
  }

  /** The frames that the viewer missed. Retries until the row can be read; null when the viewer left before that. */
  async #replay(channel: JobChannel, viewer: Viewer, cursor: Cursor | null, left: AbortSignal) {
    const failed = (error: unknown): void => this.faults.report(`job ${channel.watched.id}`, error);
    while (!left.aborted) {
      await channel.refresh();
      const { job } = channel;
      const replay = job && (await this.#replayOf(job, channel, viewer, cursor).catch(failed));
      if (job && replay) {
        this.faults.outage.over();
        return { job, ...replay };
      }
      // Postgres did not answer. The viewer waits with heartbeats instead of being disconnected.
      await pause(TRY_AGAIN_MS, left);
    }
    return null;
  }

  async #replayOf(job: Job, channel: JobChannel, viewer: Viewer, cursor: Cursor | null): Promise<Replay> {
    const { publicPath } = this.options;
    const progress = channel.progress ?? (job.progressTick > 0 ? progressFrame(job) : null);
    const newest = progress ? [progress] : [];
    if (cursor && isReached(cursor, job)) {
      const changes = await this.reader.changesAfter(job, cursor.version);
      return { beginning: null, frames: [...statusFrames(changes, job, publicPath), ...newest] };
    }
    if (cursor) reset(viewer, 'unknown_cursor');
    return isFinal(job.status)
      ? { beginning: endFrame(job, publicPath), frames: [] }
      : { beginning: snapshotFrame(job, publicPath), frames: newest };
  }
}

/** The frames after the viewer's cursor; without a usable cursor, a first frame and newer ones. */
interface Replay {
  beginning: StreamFrame | null;
  frames: StreamFrame[];
}

/** Whether the job has reached the cursor. In its current version, only an active job can have reached a tick. */
function isReached(cursor: Cursor, job: Job): boolean {
  if (cursor.version < job.version) return true;
  return cursor.version === job.version && (cursor.tick === 0 || job.status === 'active');
}

/** Its id is lower than any other, so that ids still increase after it. */
function reset(viewer: Viewer, reason: string): void {
  viewer.send({ id: '0.0', type: 'reset', data: JSON.stringify({ reason }) });
}

function send(viewer: Viewer, frame: StreamFrame): void {
  viewer.send(toWire(frame), frame.type === 'progress' ? 'progress' : undefined);
  if (frame.type === 'end') viewer.end();
}
