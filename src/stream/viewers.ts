import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Observable } from 'rxjs';
import type { Permit } from '../access/permit.ts';
import { RevocationWatch } from '../access/revocation-watch.ts';
import { Events } from '../events/events.ts';
import type { StreamFact } from '../events/facts.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { Loop } from '../runtime/loop.ts';
import { Outage } from '../runtime/outage.ts';
import type { Part } from '../runtime/part.ts';
import type { WireFrame } from './frames.ts';
import type { StreamResponse } from './stream-response.ts';
import { Viewer } from './viewer.ts';

/** One timer for all viewers: how late an expiry or a heartbeat may be. */
const TICK_MS = 250;
const CONTEXT = 'Jobstream streams';
/** Goodbyes per millisecond of the drain at most, so that reconnects do not come as one wave. */
const DRAIN_PACE = 0.2;
/** How often some of them are said. */
const DRAIN_STEP_MS = 20;

/** How long a client may take nothing of what waits for it once its stream has ended; Node finds out within twice that. */
const LINGER_MS = 5_000;
/** How long it may take to read all of it: 256 KiB at the pace of an old modem. */
const LONGEST_LINGER_MS = 60_000;

/** What the end takes beyond the grace on a machine that is busy. */
const SLACK_MS = 2_000;

/** What a stream is opened with. */
export interface StreamRequest {
  response: StreamResponse;
  /** The id that the client already has; empty when it has none. */
  cursor: string;
  heartbeat: 'comment' | 'event';
  permit: Permit;
  /** The job whose stream it is; null: a feed. */
  job: string | null;
}

/** A stream, with what is asked from time to time while it is open. */
export interface OpenStream extends StreamRequest {
  /** Whether the policy still lets the caller follow it. */
  mayStay(): boolean;
}

/** All open streams of the process, on one clock. */
@Injectable()
export class Viewers implements Part {
  readonly #endings = new Outage(CONTEXT, 'Streams are kept open again');
  readonly #viewers = new Set<Viewer>();
  readonly #lingering = new Map<StreamResponse, number>();
  readonly #ticks = new Loop(() => this.#tick(), {
    everyMs: TICK_MS,
    outage: new Outage(CONTEXT, 'Streams are looked after again'),
    failed: 'Looking after the streams failed',
  });
  #draining = false;

  constructor(
    private readonly options: ResolvedOptions,
    private readonly revocations: RevocationWatch,
    private readonly events: Events,
  ) {}

  get stopLimitMs(): number {
    return this.options.shutdownGraceMs + SLACK_MS;
  }

  start(): void {
    this.#ticks.start();
  }

  get size(): number {
    return this.#viewers.size;
  }

  /**
   * A stream: `follow` starts to feed the viewer and returns what stops it. Everything is acquired on
   * subscription and released on its teardown, however the stream ends. It never errors.
   */
  open(request: OpenStream, follow: (viewer: Viewer) => () => void): Observable<WireFrame> {
    return new Observable<WireFrame>((subscriber) => {
      const { permit, job } = request;
      const revoke = (): void => viewer.bye('revoked');
      const watched = this.revocations.watch({ caller: permit.caller, job, revoke });
      subscriber.add(() => watched.stop());
      const isRevoked = (): boolean => watched.isRevoked() || !this.#mayStay(request);
      const failed = (error: unknown): void =>
        this.#endings.told('A stream is ended, as its policy or what sends to it failed', error);
      const { heartbeatMs, maxAgeMs } = this.options.stream;
      const rotateAt = Date.now() + maxAgeMs * (0.85 + Math.random() * 0.3);
      const expiresAt = permit.caller.expiresAt?.getTime() ?? Infinity;
      const times = { heartbeatMs, rotateAt, expiresAt };
      const viewer = new Viewer(subscriber, { ...request, ...times, isRevoked, failed });
      if (this.#draining) return viewer.bye('drain');
      this.#viewers.add(viewer);
      const tellClosed = this.#tellOpened(request, viewer);
      subscriber.add(() => {
        this.#viewers.delete(viewer);
        tellClosed();
        this.#linger(request.response);
      });
      subscriber.add(follow(viewer));
    });
  }

  /**
   * Says goodbye to everybody, spread over at most half of the grace, and to everybody who still comes. Whoever has not
   * read it after three quarters of the grace is cut off.
   */
  async stop(): Promise<void> {
    this.#draining = true;
    const cutAt = performance.now() + this.options.shutdownGraceMs * 0.75;
    await this.#dismiss([...this.#viewers]);
    while (this.#lingering.size > 0 && performance.now() < cutAt) await delay(DRAIN_STEP_MS);
    await this.#ticks.stop();
    for (const response of this.#lingering.keys()) response.destroy();
    this.#lingering.clear();
  }

  #tellOpened({ permit, job }: OpenStream, viewer: Viewer): () => void {
    const { tenant, subject } = permit.caller;
    const stream: StreamFact = { tenant, subject, job };
    const openedAt = performance.now();
    this.events.tell({ name: 'streamOpened', ...stream });
    return () => {
      const reason = viewer.ending ?? 'left';
      const openMs = Math.round(performance.now() - openedAt);
      this.events.tell({ name: 'streamClosed', ...stream, reason, openMs });
    };
  }

  /** By the clock: a machine that is busy says more of them at a time, and is not later for it. */
  async #dismiss(leaving: Viewer[]): Promise<void> {
    const begun = performance.now();
    const spreadMs = Math.min(this.options.shutdownGraceMs / 2, leaving.length / DRAIN_PACE);
    for (let told = 0; told < leaving.length; await delay(DRAIN_STEP_MS)) {
      const share = Math.min(1, (performance.now() - begun + DRAIN_STEP_MS) / spreadMs);
      const due = Math.ceil(leaving.length * share);
      for (; told < due; told += 1) leaving[told]?.bye('drain');
    }
  }

  /** A policy of the host's that throws has not said yes, and must not end the process with its timer. */
  #mayStay(request: OpenStream): boolean {
    try {
      const may = request.mayStay();
      this.#endings.over();
      return may;
    } catch (error) {
      this.#endings.told('JobsAccess.may() failed, so a stream is ended', error);
      return false;
    }
  }

  /**
   * Nest ends a response once all that waits is written, which a client that does not read puts off for ever, and
   * with it the place and the buffers that it takes. The response is cut off, not the socket: that may serve others. Who
   * reads slowly has all of it: cut off in the middle of a long `end`, they would be so again on every reconnect.
   */
  #linger(response: StreamResponse): void {
    if (response.closed || response.destroyed) return;
    // One that is pipelined behind another has no socket yet, and nothing to take.
    this.#lingering.set(response, Date.now() + (response.socket ? LONGEST_LINGER_MS : LINGER_MS));
    if (response.socket) {
      // Node counts a part of a write that has gone out, which nothing else shows.
      response.setTimeout(LINGER_MS, () => response.destroy());
      // The socket goes on to other requests, with the time that Node gives it for those.
      response.prependOnceListener('finish', () => response.setTimeout(0));
    }
    response.once('close', () => this.#lingering.delete(response));
  }

  #tick(): void {
    const now = Date.now();
    for (const [response, deadline] of this.#lingering) {
      if (now < deadline) continue;
      // One that is pipelined behind another tells nobody that it was destroyed.
      this.#lingering.delete(response);
      response.destroy();
    }
    for (const viewer of this.#viewers) viewer.attempt(() => viewer.tick(now));
  }
}
