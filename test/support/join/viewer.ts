import type { Subscription } from 'rxjs';
import { isFinal, type TenantJob } from '../../../src/job/job.ts';
import type { WireFrame } from '../../../src/stream/frames.ts';
import type { JobStream, JobStreamRequest } from '../../../src/stream/job-stream.ts';
import type { JoinScenario, Position } from './life.ts';

/** A frame as the viewer keeps it. */
export interface SeenFrame {
  id: string;
  type: string;
  /** What its progress says is done; null where it has none. */
  done: number | null;
}

/** A client of the stream, over all its connections: it comes back with the last id, and stops at the end. */
export class JoinViewer {
  readonly seen: SeenFrame[] = [];
  /** Whether the server has told it to stop asking: by the end, or by 204. */
  stopped = false;
  /** Frames that came after the end. */
  after = 0;
  here = false;
  #subscription: Subscription | null = null;

  constructor(
    private readonly streams: JobStream,
    private readonly job: TenantJob,
    private readonly scenario: JoinScenario,
  ) {}

  get open(): boolean {
    return this.#subscription?.closed === false;
  }

  /** The id that it would come back with. */
  get cursor(): string {
    return this.seen.at(-1)?.id ?? this.scenario.cursor;
  }

  come(): void {
    this.here = true;
    this.#subscription = this.streams
      .open(this.job, this.#request())
      .subscribe({ next: (frame) => this.#receive(frame) });
  }

  leave(): void {
    this.here = this.stopped;
    this.#subscription?.unsubscribe();
  }

  /** The guard answers 204 to who has the end. */
  comeBack({ status, version }: Position): void {
    this.here = true;
    if (isFinal(status) && this.cursor === `${version}.0`) this.stopped = true;
    else this.come();
  }

  #receive({ id = '', type = '', data = 'null' }: WireFrame): void {
    if (this.stopped) this.after += 1;
    if (type === 'end') this.stopped = true;
    const parsed = JSON.parse(data) as { progress?: Done; job?: { progress: Done } };
    const progress = parsed.progress ?? parsed.job?.progress ?? null;
    this.seen.push({ id, type, done: progress?.done ?? null });
  }

  #request(): JobStreamRequest {
    return {
      response: { closed: true } as JobStreamRequest['response'],
      cursor: this.cursor,
      heartbeat: 'comment',
      permit: { caller: {}, sees: () => true } as unknown as JobStreamRequest['permit'],
      job: this.job.id,
      logs: this.scenario.logs,
    };
  }
}

type Done = { done: number | null } | null;
