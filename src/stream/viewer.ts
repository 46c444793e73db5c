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

/** The part of Node's response that tells whether the client keeps up. */
export interface Pressure {
  readonly writableNeedDrain?: boolean;
}

export interface ViewerOptions {
  response: Pressure;
  /** The id for heartbeats and `bye` until a frame was sent. */
  cursor: string;
  heartbeat: 'comment' | 'event';
  heartbeatMs: number;
  /** When to rotate, and when the credential expires, on the clock of `Date.now()`. */
  rotateAt: number;
  expiresAt: number;
  /** Whether the credential is known to be revoked, or the policy no longer allows the stream. */
  isRevoked?: () => boolean;
  /** Called with the error when the stream is ended because sending to it threw. */
  failed?: (error: unknown) => void;
}

/**
 * Most bytes that wait here for a slow client. A client that does not read costs at most 256 KiB in all: the rest is
 * for Node's buffer (16 KiB, from Node 22 on 64 KiB), for `MAX_UNSEEN`, and for the last frame beyond the limit.
 */
const MAX_HELD = 128 * 1024;
/** Most bytes written in one turn of the event loop, because only the next turn shows whether the client takes them. */
const MAX_UNSEEN = 32 * 1024;
/** Upper bound for the parts of a frame besides its data. */
const FRAME_OVERHEAD = 200;
/** A client that takes nothing for this long is disconnected. It finds everything when it reconnects. */
const SLOW_MS = 30_000;

/**
 * One open stream. Frames that a slow client does not take wait here in order. A frame with a `place` replaces the
 * waiting one of the same place. A client with too many waiting bytes is disconnected.
 */
export class Viewer {
  #cursor: string;
  #sentAt = Date.now();
  #checkedAt = Date.now();
  #congestedSince: number | null = null;
  #ending: ByeReason | 'end' | null = null;
  /** Waiting frames by place, or by the frame itself if it has none. */
  readonly #waiting = new Map<string | WireFrame, Held>();
  #heldBytes = 0;
  #unseenBytes = 0;

  constructor(
    private readonly subscriber: Subscriber<WireFrame>,
    private readonly options: ViewerOptions,
  ) {
    this.#cursor = options.cursor;
  }

  /** Why the server ended the stream; null while it is open, and when the client left first. */
  get ending(): ByeReason | 'end' | null {
    return this.#ending;
  }

  /** Whether the client does not take what was written. */
  get congested(): boolean {
    return this.options.response.writableNeedDrain === true;
  }

  /**
   * Runs code that may send to this client. An exception, for instance from the host's policy, ends only this stream.
   * Otherwise it would reach timers and subscriptions that also serve other streams, and end the process.
   */
  attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the stream after an exception. */
  fail(error: unknown): void {
    this.options.failed?.(error);
    try {
      this.bye('revoked');
    } catch {
      // Even the `bye` failed, so only release the resources.
      this.subscriber.unsubscribe();
    }
  }

  /** Sends a frame. With a `place`, a slow client gets only the newest frame of that place. */
  send(frame: WireFrame, place?: string): void {
    if (this.flush()) this.#write(frame);
    else this.#hold(frame, place ?? frame);
  }

  /** Sends waiting frames as far as the client takes them. Returns whether it would take more. */
  flush(): boolean {
    for (const [key, { frame }] of this.#waiting) {
      if (this.#isFull) return false;
      this.#drop(key);
      this.#write(frame);
    }
    return !this.#isFull;
  }

  /** Sends the reason and ends the stream. */
  bye(reason: ByeReason): void {
    this.#ending ??= reason;
    // A slow client would not read the waiting frames. It finds the newest state when it reconnects.
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

  /** Called by the clock: sends waiting frames, a heartbeat or a `bye`. */
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
    // The frame fitted, so the client has taken earlier ones.
    this.#congestedSince = null;
    const before = this.#unseenBytes;
    this.#unseenBytes += bytesOf(frame);
    if (before <= MAX_UNSEEN && this.#unseenBytes > MAX_UNSEEN)
      setImmediate(() => this.attempt(() => this.#look()));
    this.subscriber.next(frame);
  }

  /** Nest has written the frames by now, so `congested` shows whether the client takes them. */
  #look(): void {
    this.#unseenBytes = 0;
    this.flush();
  }
}

/** The last measured string. A frame goes to many viewers in a row, and comparing is cheaper than measuring. */
const measured = { data: '', bytes: 0 };

/**
 * The size of a frame in memory or on the wire, whichever is larger: a single non-ASCII character may double a string
 * in memory.
 */
function bytesOf({ data = '' }: WireFrame): number {
  if (data !== measured.data) {
    const bytes = Buffer.byteLength(data);
    measured.bytes = bytes === data.length ? bytes : Math.max(bytes, 2 * data.length);
    measured.data = data;
  }
  return FRAME_OVERHEAD + measured.bytes;
}
