import type { Subscriber } from 'rxjs';
import type { JobEvents } from '../job/stream-events.ts';
import { jitteredRetry, type WireFrame } from './frames.ts';

/** Why a stream is closed before its end. */
export type ByeReason = JobEvents['bye']['reason'];

const RECONNECTS: ReadonlySet<ByeReason> = new Set(['rotate', 'drain', 'slow']);

interface Held {
  frame: WireFrame;
  bytes: number;
}

/** Tells whether the client takes what it is sent: Node's response, as far as we look at it. */
export interface Pressure {
  readonly writableNeedDrain?: boolean;
}

export interface ViewerOptions {
  response: Pressure;
  /** The id to repeat until a frame was sent. */
  cursor: string;
  heartbeat: 'comment' | 'event';
  heartbeatMs: number;
  /** When to rotate and when the credential expires, as `Date.now()` counts. */
  rotateAt: number;
  expiresAt: number;
  /** Whether the credential was revoked, as far as this process knows, or the policy changed its mind. */
  isRevoked?: () => boolean;
  /** Is told why the stream is ended, when what sends to it has thrown. */
  failed?: (error: unknown) => void;
}

/**
 * A client that does not read costs 256 KiB at most, and this much of it may wait here. The rest is for what Node's
 * response holds before it says so (16 KiB, from Node 22 on 64 KiB), for `MAX_UNSEEN`, and for the frame that went past.
 */
const MAX_HELD = 128 * 1024;
/** What may be handed over in one turn of the event loop: only the next one shows whether the client takes it. */
const MAX_UNSEEN = 32 * 1024;
/** What a frame takes beside its data. */
const FRAME_OVERHEAD = 200;
/** A client that has made no room for anything for this long is parted with; it finds everything on reconnect. */
const SLOW_MS = 30_000;

/**
 * One open stream. What a slow client does not take waits here, in order, and what replaces its forerunner in one
 * place instead of a queue. A client for which too much waits is parted with.
 */
export class Viewer {
  #cursor: string;
  #sentAt = Date.now();
  #checkedAt = Date.now();
  #congestedSince: number | null = null;
  #ending: ByeReason | 'end' | null = null;
  /** By place, or by the frame itself where it has none. */
  readonly #waiting = new Map<string | WireFrame, Held>();
  #heldBytes = 0;
  #unseenBytes = 0;

  constructor(
    private readonly subscriber: Subscriber<WireFrame>,
    private readonly options: ViewerOptions,
  ) {
    this.#cursor = options.cursor;
  }

  /** Why the stream was ended; null as long as it was not, also where the client has left. */
  get ending(): ByeReason | 'end' | null {
    return this.#ending;
  }

  /** Whether the client leaves waiting what it was sent. */
  get congested(): boolean {
    return this.options.response.writableNeedDrain === true;
  }

  /**
   * Does what may send to this client. What throws there, such as a policy of the host's, ends this stream alone:
   * around it stand timers and subscriptions, which serve other streams too, and would end the process.
   */
  attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the stream, as what sends to it has thrown. */
  fail(error: unknown): void {
    this.options.failed?.(error);
    try {
      this.bye('revoked');
    } catch {
      // It cannot even be told; what it holds is released.
      this.subscriber.unsubscribe();
    }
  }

  /** Sends a frame; with a `place`, a slow client finds only the newest frame of that place. */
  send(frame: WireFrame, place?: string): void {
    if (this.flush()) this.#write(frame);
    else this.#hold(frame, place ?? frame);
  }

  /** Sends what waits, as far as the client takes it; returns whether it would take more. */
  flush(): boolean {
    for (const [key, { frame }] of this.#waiting) {
      if (this.#isFull) return false;
      this.#drop(key);
      this.#write(frame);
    }
    return !this.#isFull;
  }

  /** Says why the stream ends, and ends it. */
  bye(reason: ByeReason): void {
    this.#ending ??= reason;
    // What waits for a slow client waits in vain: it finds the newest when it comes back.
    if (reason === 'slow') this.#waiting.clear();
    else this.#writeAll();
    const reconnect = RECONNECTS.has(reason);
    this.#write({
      id: this.#cursor,
      type: 'bye',
      data: JSON.stringify({ reason, reconnect }),
      ...(reconnect ? { retry: jitteredRetry() } : {}),
    });
    this.end();
  }

  end(): void {
    this.#ending ??= 'end';
    this.#writeAll();
    this.subscriber.complete();
  }

  /** Does what time asks for: sends what waited, the heartbeat, or a goodbye. */
  tick(now: number): void {
    if (now >= this.options.expiresAt) return this.bye('expired');
    if (this.#isDue(now, this.#checkedAt) || this.#isDue(now, this.#sentAt)) {
      this.#checkedAt = now;
      if (this.options.isRevoked?.()) return this.bye('revoked');
    }
    if (now >= this.options.rotateAt) return this.bye('rotate');
    if (this.congested) {
      this.#congestedSince ??= now;
      if (now - this.#congestedSince >= SLOW_MS || this.#heldBytes > MAX_HELD) this.bye('slow');
      return;
    }
    this.#congestedSince = null;
    this.flush();
    if (this.#isDue(now, this.#sentAt)) this.#beat();
  }

  #isDue(now: number, last: number): boolean {
    return now - last >= this.options.heartbeatMs;
  }

  #beat(): void {
    this.#write(
      this.options.heartbeat === 'event'
        ? { id: this.#cursor, type: 'heartbeat', data: '{}' }
        : { comment: 'hb' },
    );
  }

  get #isFull(): boolean {
    return this.congested || this.#unseenBytes > MAX_UNSEEN;
  }

  #hold(frame: WireFrame, key: string | WireFrame): void {
    this.#drop(key);
    const bytes = bytesOf(frame);
    this.#waiting.set(key, { frame, bytes });
    this.#heldBytes += bytes;
    if (this.congested && this.#heldBytes > MAX_HELD) this.bye('slow');
  }

  #drop(key: string | WireFrame): void {
    this.#heldBytes -= this.#waiting.get(key)?.bytes ?? 0;
    this.#waiting.delete(key);
  }

  #writeAll(): void {
    for (const { frame } of this.#waiting.values()) this.#write(frame);
    this.#waiting.clear();
  }

  #write(frame: WireFrame): void {
    if (frame.id !== undefined) this.#cursor = frame.id;
    this.#sentAt = Date.now();
    // There was room for it: the client has taken what it had been sent before.
    this.#congestedSince = null;
    const before = this.#unseenBytes;
    this.#unseenBytes += bytesOf(frame);
    if (before <= MAX_UNSEEN && this.#unseenBytes > MAX_UNSEEN)
      setImmediate(() => this.attempt(() => this.#look()));
    this.subscriber.next(frame);
  }

  /** Nest has written by now what it was given, so that `congested` tells what became of it. */
  #look(): void {
    this.#unseenBytes = 0;
    this.flush();
  }
}

/** The string that was measured last: a frame goes to many viewers in a row, and measuring takes longer than comparing. */
const measured = { data: '', bytes: 0 };

/** What a frame takes, in memory or on the wire, whichever is more: one character beyond ASCII may double a string. */
function bytesOf({ data = '' }: WireFrame): number {
  if (data !== measured.data) {
    const bytes = Buffer.byteLength(data);
    measured.bytes = bytes === data.length ? bytes : Math.max(bytes, 2 * data.length);
    measured.data = data;
  }
  return FRAME_OVERHEAD + measured.bytes;
}
