import { Logger } from '@nestjs/common';
import { faultText } from './loggable.ts';

/** How long the same fault is only counted once it was told. */
const QUIET_MS = 10_000;
/** A fault this soon after the end goes on with the same outage: one of many callers had got through. */
const SAME_MS = 5_000;
/** Different faults that are told within the quiet time; more are only counted. */
const MOST = 10;

/** What the log tells of an outage, for those who count. */
export interface OutageStory {
  /** The part of the process, as its log lines are headed. */
  readonly part: string;
  /** A sentence without its end, such as `Renewing leases failed` or `Leases are renewed again`. */
  readonly what: string;
  readonly over: boolean;
  /** How long it lasted; 0 at its beginning. */
  readonly ms: number;
}

const watchers = new Set<(story: OutageStory) => void>();

/** Tells of every outage of this process that begins or is over, until the function that it returns is called. */
export function watchOutages(watcher: (story: OutageStory) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

interface Told {
  quietUntil: number;
  untold: number;
}

/**
 * What one part of the process cannot do for a while, such as reading from Postgres. The log tells when it begins, every
 * ten seconds while it lasts, with how often it was met meanwhile, and when it is over, with how long it took.
 */
export class Outage {
  readonly #log: Logger;
  readonly #faults = new Map<string, Told>();
  #others = 0;
  /** When it was first met; null: it never was, or what was is long over. */
  #since: number | null = null;
  /** When it was over; null while it lasts. */
  #endedAt: number | null = null;
  /** Whether the log says that it lasts. */
  #open = false;

  /** `part` heads its lines; `again` is a sentence without its end that tells of the end, such as `Leases are renewed again`. */
  constructor(
    private readonly part: string,
    private readonly again: string,
    private readonly level: 'error' | 'warn' = 'error',
  ) {
    this.#log = new Logger(part);
  }

  /** It was met; `what` is a sentence without its end, such as `Renewing leases failed`. */
  told(what: string, error: unknown): void {
    const now = performance.now();
    this.#beginAt(now);
    const text = faultText(error);
    const told = this.#faults.get(text);
    if (told && now < told.quietUntil) told.untold += 1;
    else if (told || this.#hasRoom(now)) this.#tell(what, text, now);
    else this.#others += 1;
  }

  /** What it was about has succeeded. Costs nothing while there is no outage. */
  over(): void {
    if (this.#since === null || this.#endedAt !== null) return;
    this.#endedAt = performance.now();
    if (!this.#open) return;
    this.#open = false;
    const ms = this.#endedAt - this.#since;
    this.#log.log(`${this.again} after ${durationText(ms)}.`);
    this.#story({ what: this.again, over: true, ms: Math.round(ms) });
  }

  #story(story: Omit<OutageStory, 'part'>): void {
    for (const watcher of watchers) watcher({ part: this.part, ...story });
  }

  #beginAt(now: number): void {
    if (this.#endedAt !== null && now - this.#endedAt >= SAME_MS) {
      this.#since = null;
      this.#faults.clear();
      this.#others = 0;
    }
    this.#endedAt = null;
    this.#since ??= now;
  }

  #hasRoom(now: number): boolean {
    if (this.#faults.size < MOST) return true;
    for (const [text, { quietUntil }] of this.#faults) if (now >= quietUntil) this.#faults.delete(text);
    return this.#faults.size < MOST;
  }

  #tell(what: string, text: string, now: number): void {
    const told = this.#faults.get(text);
    // What was met much earlier is another story.
    const like = told && now < told.quietUntil + QUIET_MS ? told.untold : 0;
    const counts = [...(like > 0 ? [`${like} more like it`] : []), ...this.#takeOthers()];
    this.#faults.set(text, { quietUntil: now + QUIET_MS, untold: 0 });
    if (!this.#open) this.#story({ what, over: false, ms: 0 });
    this.#open = true;
    const line = `${what}: ${text}`;
    this.#log[this.level](counts.length > 0 ? `${line} (and ${counts.join(', and ')} meanwhile)` : line);
  }

  #takeOthers(): string[] {
    const others = this.#others;
    this.#others = 0;
    return others > 0 ? [`${others} other faults`] : [];
  }
}

function durationText(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
