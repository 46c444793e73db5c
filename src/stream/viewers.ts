import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Observable } from 'rxjs';
import { JOBS_OPTIONS, type ResolvedOptions } from '../jobs.options.ts';
import type { WireFrame } from './frames.ts';
import { type Pressure, Viewer } from './viewer.ts';

/** One timer for all viewers: how late an expiry or a heartbeat may be. */
const TICK_MS = 250;
/** Goodbyes per millisecond of the drain at most, so that reconnects do not come as one wave. */
const DRAIN_PACE = 0.2;

/** What a stream is opened with. */
export interface StreamRequest {
  socket: Pressure;
  /** The id that the client already has; empty when it has none. */
  cursor: string;
  heartbeat: 'comment' | 'event';
  expiresAt: Date | null;
}

/** All open streams of the process, on one clock. */
@Injectable()
export class Viewers {
  readonly #viewers = new Set<Viewer>();
  #timer: NodeJS.Timeout | null = null;
  #draining = false;

  constructor(@Inject(JOBS_OPTIONS) private readonly options: ResolvedOptions) {}

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get size(): number {
    return this.#viewers.size;
  }

  /**
   * A stream: `follow` starts to feed the viewer and returns what stops it. Everything is acquired on
   * subscription and released on its teardown, however the stream ends. It never errors.
   */
  open(request: StreamRequest, follow: (viewer: Viewer) => () => void): Observable<WireFrame> {
    return new Observable<WireFrame>((subscriber) => {
      const viewer = new Viewer(subscriber, this.#viewerOptions(request));
      if (this.#draining) return viewer.bye('drain');
      this.#viewers.add(viewer);
      subscriber.add(() => this.#viewers.delete(viewer));
      subscriber.add(follow(viewer));
    });
  }

  /** Says goodbye to everybody, spread over at most half of the grace, and to everybody who still comes. */
  async drain(): Promise<void> {
    this.#draining = true;
    const spreadMs = Math.min(this.options.shutdownGraceMs / 2, this.#viewers.size / DRAIN_PACE);
    const leaving = [...this.#viewers];
    for (const [index, viewer] of leaving.entries()) {
      viewer.bye('drain');
      if ((index + 1) % 20 === 0) await delay((spreadMs / leaving.length) * 20);
    }
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #viewerOptions({ socket, cursor, heartbeat, expiresAt }: StreamRequest) {
    const { heartbeatMs, maxAgeMs } = this.options.stream;
    const rotateAt = Date.now() + maxAgeMs * (0.85 + Math.random() * 0.3);
    return { socket, cursor, heartbeat, heartbeatMs, rotateAt, expiresAt: expiresAt?.getTime() ?? Infinity };
  }

  #tick(): void {
    const now = Date.now();
    for (const viewer of this.#viewers) viewer.tick(now);
  }
}
