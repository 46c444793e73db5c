import { Logger } from '@nestjs/common';
import { faultText } from './loggable.ts';

/** After a fault was logged, its repetitions are only counted for this long. */
const QUIET_MS = 10_000;
/** A fault within this time after the end continues the same outage: a single call may succeed while most fail. */
const SAME_MS = 5_000;
/** Most distinct faults logged within the quiet time; further ones are only counted. */
const MOST = 10;

/** The beginning or the end of an outage, as it was logged; for metrics and alerts. */
export interface OutageStory {
  /** The part of the process, which is the context of its log lines. */
  readonly part: string;
  /** The log text without a full stop, such as `Renewing leases failed` or `Leases are renewed again`. */
  readonly what: string;
  readonly over: boolean;
  /** How long the outage lasted; 0 at its beginning. */
  readonly ms: number;
}

const watchers = new Set<(story: OutageStory) => void>();

/** Calls the watcher when an outage of this process begins or ends. Returns a function that removes the watcher. */
export function watchOutages(watcher: (story: OutageStory) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

interface Told {
  quietUntil: number;
  untold: number;
}

/**
 * Logs that a part of the process is failing, for instance to read from Postgres: when the outage begins, every 10 s
 * while it lasts with the number of further faults, and when it ends with its duration.
 */
export class Outage {
  readonly #log: Logger;
  readonly #faults = new Map<string, Told>();
  #others = 0;
  /** When the current or last outage began; null before the first. */
  #since: number | null = null;
  /** When the outage ended; null while it lasts. */
  #endedAt: number | null = null;
  /** Whether the log has its beginning, so that it needs the end too. */
  #open = false;

  /**
   * `part` is the log context. `again` is the log text for the end, without a full stop, such as `Leases are renewed
   * again`.
   */
  constructor(
    private readonly part: string,
    private readonly again: string,
    private readonly level: 'error' | 'warn' = 'error',
  ) {
    this.#log = new Logger(part);
  }

  /** Reports a fault. `what` is the log text without a full stop, such as `Renewing leases failed`. */
  told(what: string, error: unknown): void {
    const now = performance.now();
    this.#beginAt(now);
    const text = faultText(error);
    const told = this.#faults.get(text);
    if (told && now < told.quietUntil) told.untold += 1;
    else if (told || this.#hasRoom(now)) this.#tell(what, text, now);
    else this.#others += 1;
  }

  /** Reports a success, which ends the outage. Costs nothing while there is none. */
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
    // A count from much earlier does not belong in this line.
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
