import type { Subscriber } from 'rxjs';
import { jitteredRetry, type WireFrame } from './frames.ts';

/** Why a stream is closed before its end. */
export type ByeReason = 'rotate' | 'drain' | 'slow' | 'expired' | 'revoked' | 'gone';

const RECONNECTS: ReadonlySet<ByeReason> = new Set(['rotate', 'drain', 'slow']);

/** Tells whether the client takes what it is sent: a socket, as far as we look at it. */
export interface Pressure {
  readonly writableNeedDrain?: boolean;
}

export interface ViewerOptions {
  socket: Pressure;
  /** The id to repeat until a frame was sent. */
  cursor: string;
  heartbeat: 'comment' | 'event';
  heartbeatMs: number;
  /** When to rotate and when the credential expires, as `Date.now()` counts. */
  rotateAt: number;
  expiresAt: number;
  /** Whether the credential was revoked, as far as this process knows, or the policy changed its mind. */
  isRevoked?: () => boolean;
}

/** Places that may wait for a slow client; a feed has one per job. */
const MAX_WAITING = 500;
/** A client that has taken nothing for this long is cut off; it finds everything on reconnect. */
const SLOW_MS = 30_000;

/**
 * One open stream. What replaces its forerunner waits for a slow client in one place instead of a queue;
 * everything else is sent, and Nest drops the connection when more than its bound has piled up.
 */
export class Viewer {
  #cursor: string;
  #sentAt = Date.now();
  #checkedAt = Date.now();
  #congestedSince: number | null = null;
  readonly #waiting = new Map<string, WireFrame>();

  constructor(
    private readonly subscriber: Subscriber<WireFrame>,
    private readonly options: ViewerOptions,
  ) {
    this.#cursor = options.cursor;
  }

  get congested(): boolean {
    return this.options.socket.writableNeedDrain === true;
  }

  /** Sends a frame; with a `place`, a slow client finds only the newest frame of that place. */
  send(frame: WireFrame, place?: string): void {
    if (place !== undefined && this.congested) {
      this.#waiting.delete(place);
      this.#waiting.set(place, frame);
      if (this.#waiting.size > MAX_WAITING) this.bye('slow');
      return;
    }
    this.#flush();
    this.#write(frame);
  }

  /** Says why the stream ends, and ends it. */
  bye(reason: ByeReason): void {
    // What waits for a slow client waits in vain: it finds the newest when it comes back.
    if (reason !== 'slow') this.#flush();
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
      if (now - this.#congestedSince >= SLOW_MS) this.bye('slow');
      return;
    }
    this.#congestedSince = null;
    this.#flush();
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

  #flush(): void {
    if (this.#waiting.size === 0) return;
    const frames = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const frame of frames) this.#write(frame);
  }

  #write(frame: WireFrame): void {
    if (frame.id !== undefined) this.#cursor = frame.id;
    this.#sentAt = Date.now();
    this.subscriber.next(frame);
  }
}
