import type { Act, Actor } from '../job/actor.ts';
import type { Job, Progress, TenantJob } from '../job/job.ts';
import type { OutageStory } from '../runtime/outage.ts';

/** One committed change of a job's status. */
export interface Change {
  /**
   * The row after the change, without its payload. `startedAt - runAt` is how long the job waited, and `finishedAt -
   * startedAt` how long its last attempt ran. Do not log result, error message or tags: they may be confidential.
   */
  readonly job: Readonly<Job>;
  /** Why, as in the job's history: `submitted`, `claimed`, `completed`, `retry`, `lease_lost`, `retried_by_hand`, … */
  readonly reason: string;
  /** Who asked for it; null when a worker or the sweeper did it. */
  readonly actor: Actor | null;
}

/** The changes that one statement committed, in no particular order; never empty. */
export interface Changes {
  readonly jobs: readonly Change[];
}

/** A caller's stream, of one job or of many. */
export interface StreamFact {
  readonly tenant: string;
  readonly subject: string;
  /** Null for a feed. */
  readonly job: string | null;
}

/**
 * All facts by name. A fact is told once, by the class where it happens, after the commit; work that rolled back is
 * never told. Each process tells only what it did itself.
 */
export interface Facts {
  /** New jobs were committed. A submit that found the existing job of its idempotency key is not told. */
  submitted: Changes;
  /** queued → active: an attempt begins. */
  claimed: Changes;
  /**
   * Jobs became final: completed, failed or cancelled, by their attempt, by the sweeper, or by a cancel while queued.
   */
  settled: Changes;
  /**
   * Jobs were queued again: for the next attempt, given back at shutdown, taken from a lost worker, or retried by hand.
   */
  requeued: Changes;
  /** Cancelling a running job was requested. A repeated request changes no row. */
  cancelRequested: { readonly job: Readonly<Job>; readonly actor: Actor; readonly repeated: boolean };

  /**
   * Queued jobs were added to their Bull queues. Told again for jobs that Redis lost or that no worker claimed in time.
   */
  offered: { readonly jobs: readonly Pick<Job, 'id' | 'tenant' | 'type' | 'queue' | 'version'>[] };
  /** Progress of a running job, at the coalesced rate that viewers see. */
  progressed: {
    readonly job: Pick<Job, 'id' | 'tenant' | 'type' | 'queue' | 'version' | 'attempt'>;
    readonly progress: Progress;
    /** Grows within the job's version. */
    readonly tick: number;
  };

  /** An HTTP request was answered with a `JobError` (4xx or 503). */
  refused: { readonly statusCode: number; readonly code: string };
  /** An API key was created, or a credential was revoked. */
  accessChanged: { readonly act: Act };

  streamOpened: StreamFact;
  /**
   * `reason` is that of its `bye`, `end` when the client had everything, or `left` when the client closed the stream.
   */
  streamClosed: StreamFact & { readonly reason: string; readonly openMs: number };

  /**
   * The backstop found changes of watched jobs whose messages did not arrive. If it happens often, Redis loses
   * messages.
   */
  found: { readonly jobs: readonly TenantJob[] };
  /**
   * This many messages could not be published through Redis. The backstops of other processes find the changes instead.
   */
  unpublished: { readonly messages: number };
  /** A message or a stored last frame in Redis was dropped because Jobstream did not write it. */
  malformed: { readonly channel: string };
  /** An outage began (`over` is false, `ms` is 0), or ended after `ms`; told together with its log line. */
  outage: OutageStory;
}

export type FactName = keyof Facts;

/** A fact with its name and data. */
export type Fact<Name extends FactName = FactName> = {
  [N in Name]: { readonly name: N } & Facts[N];
}[Name];

/** The facts about committed changes of a status. */
export const CHANGES = ['submitted', 'claimed', 'settled', 'requeued'] as const satisfies FactName[];
