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

/** Interval of the one timer for all viewers, and so the longest delay of an expiry or a heartbeat. */
const TICK_MS = 250;
const CONTEXT = 'Jobstream streams';
/** Most `bye` frames per millisecond of a drain, so that clients do not all reconnect at once. */
const DRAIN_PACE = 0.2;
/** How often a group of them is sent. */
const DRAIN_STEP_MS = 20;

/**
 * After the end of a stream, a client that takes nothing of the waiting bytes for this long is disconnected. Node
 * notices within twice this time.
 */
const LINGER_MS = 5_000;
/** Longest time to read all of the waiting bytes: 256 KiB at about 35 kbit/s. */
const LONGEST_LINGER_MS = 60_000;

/** Extra time for the shutdown on a busy machine. */
const SLACK_MS = 2_000;

/** A request for a stream. */
export interface StreamRequest {
  response: StreamResponse;
  /** The id that the client already has; empty when it has none. */
  cursor: string;
  heartbeat: 'comment' | 'event';
  permit: Permit;
  /** The job whose stream it is; null for a feed. */
  job: string | null;
}

/** A request with the check that is repeated while its stream is open. */
export interface OpenStream extends StreamRequest {
  /** Whether the policy still allows the caller to follow the stream. */
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
    outage: new Outage(CONTEXT, 'Streams are checked again'),
    failed: 'Checking the streams failed',
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
   * Opens a stream. `follow` starts to feed the viewer and returns a function that stops it. Everything is acquired on
   * subscription and released on teardown, however the stream ends. The observable never errors.
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
   * Sends `bye` to all viewers, spread over at most half of the grace, and to those that still connect. Clients that
   * have not read it after three quarters of the grace are disconnected.
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

  /** Paced by the clock, so that a busy machine sends more of them at a time rather than taking longer. */
  async #dismiss(leaving: Viewer[]): Promise<void> {
    const begun = performance.now();
    const spreadMs = Math.min(this.options.shutdownGraceMs / 2, leaving.length / DRAIN_PACE);
    for (let told = 0; told < leaving.length; await delay(DRAIN_STEP_MS)) {
      const share = Math.min(1, (performance.now() - begun + DRAIN_STEP_MS) / spreadMs);
      const due = Math.ceil(leaving.length * share);
      for (; told < due; told += 1) leaving[told]?.bye('drain');
    }
  }

  /**
   * An exception of the host's policy counts as a refusal, and must not reach the timer, where it would end the
   * process.
   */
  #mayStay(request: OpenStream): boolean {
    try {
      const may = request.mayStay();
      this.#endings.over();
      return may;
    } catch (error) {
      this.#endings.told('A stream was ended because JobsAccess.may() failed', error);
      return false;
    }
  }

  /**
   * Disconnects a client that does not read the end of its stream. Nest ends a response only when all waiting bytes are
   * written, so such a client would keep its slot and its buffers for ever. The response is destroyed, not the socket,
   * which may serve other responses. A client that reads slowly gets everything: if it were cut off in the middle of a
   * long `end`, that would happen again on every reconnect.
   */
  #linger(response: StreamResponse): void {
    if (response.closed || response.destroyed) return;
    // A response that is pipelined behind another has no socket yet, and nothing to read.
    this.#lingering.set(response, Date.now() + (response.socket ? LONGEST_LINGER_MS : LINGER_MS));
    if (response.socket) {
      // Node's timeout restarts when a part of a write was sent, which nothing else shows.
      response.setTimeout(LINGER_MS, () => response.destroy());
      // The socket may serve further requests, which have Node's own timeouts.
      response.prependOnceListener('finish', () => response.setTimeout(0));
    }
    response.once('close', () => this.#lingering.delete(response));
  }

  #tick(): void {
    const now = Date.now();
    for (const [response, deadline] of this.#lingering) {
      if (now < deadline) continue;
      // A response that is pipelined behind another emits no event when it is destroyed.
      this.#lingering.delete(response);
      response.destroy();
    }
    for (const viewer of this.#viewers) viewer.attempt(() => viewer.tick(now));
  }
}
