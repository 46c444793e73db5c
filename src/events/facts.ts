import type { Act, Actor } from '../job/actor.ts';
import type { Job, Progress, TenantJob } from '../job/job.ts';
import type { OutageStory } from '../runtime/outage.ts';

/** One committed change of a job's status. */
export interface Change {
  /**
   * The row after the change, without its payload. How long it waited is `startedAt - runAt`, how long its last attempt
   * ran `finishedAt - startedAt`. Result, error message and tags may be confidential: they belong in no log.
   */
  readonly job: Readonly<Job>;
  /** Why, as in the job's history: `submitted`, `claimed`, `completed`, `retry`, `lease_lost`, `retried_by_hand`, … */
  readonly reason: string;
  /** Who asked for it; null: nobody, a worker or the sweeper did it. */
  readonly actor: Actor | null;
}

/** What one statement committed, in no order; never empty. */
export interface Changes {
  readonly jobs: readonly Change[];
}

/** A caller's stream, of one job or of many. */
export interface StreamFact {
  readonly tenant: string;
  readonly subject: string;
  /** Null: a feed. */
  readonly job: string | null;
}

/**
 * Everything that is told in this process, by name. A fact is told once, where it happens, and after its commit; what
 * rolled back is never told. Each process tells what it did itself: what others did, it does not know.
 */
export interface Facts {
  /** New jobs are committed. A submit that found the job of its idempotency key made none. */
  submitted: Changes;
  /** queued → active: an attempt begins. */
  claimed: Changes;
  /** Jobs are final: completed, failed or cancelled, by their attempt, the sweeper, or somebody while they were queued. */
  settled: Changes;
  /** Jobs are queued again: to be retried, given back, taken from a lost worker, or retried by hand. */
  requeued: Changes;
  /** Somebody asked a running job to stop. Repeating it changes no row. */
  cancelRequested: { readonly job: Readonly<Job>; readonly actor: Actor; readonly repeated: boolean };

  /** Queued jobs are in their Bull queues; after a loss in Redis, or where nobody claimed them in time, they are again. */
  offered: { readonly jobs: readonly Pick<Job, 'id' | 'tenant' | 'type' | 'queue' | 'version'>[] };
  /** A running job's progress, as often as its viewers are shown it. */
  progressed: {
    readonly job: Pick<Job, 'id' | 'tenant' | 'type' | 'queue' | 'version' | 'attempt'>;
    readonly progress: Progress;
    /** Grows within the job's version. */
    readonly tick: number;
  };

  /** An HTTP request was answered with a `JobError`: 4xx, 429 or 503. */
  refused: { readonly statusCode: number; readonly code: string };
  /** An API key was made, or a credential revoked. */
  accessChanged: { readonly act: Act };

  streamOpened: StreamFact;
  /** `reason`: that of its `bye`; `end` where the client has everything; `left` where the client went first. */
  streamClosed: StreamFact & { readonly reason: string; readonly openMs: number };

  /** Watched jobs had changed without a message of it: the backstop found out. While it grows, Redis messages get lost. */
  found: { readonly jobs: readonly TenantJob[] };
  /** Redis did not take this many messages to other processes; their backstops find what those would have said. */
  unpublished: { readonly messages: number };
  /** A message from Redis, or a last frame there, was dropped: it is not what Jobstream writes. */
  malformed: { readonly channel: string };
  /** A part of the process cannot do something (`over` false, `ms` 0), or can again after `ms`; as its log line has it. */
  outage: OutageStory;
}

export type FactName = keyof Facts;

/** A fact as it is told: its name, and what there is to know. */
export type Fact<Name extends FactName = FactName> = {
  [N in Name]: { readonly name: N } & Facts[N];
}[Name];

/** The facts that tell of a committed status change. */
export const CHANGES = ['submitted', 'claimed', 'settled', 'requeued'] as const satisfies FactName[];
