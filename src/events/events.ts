import { Logger } from '@nestjs/common';
import { anyFaultText } from '../runtime/loggable.ts';
import type { Fact, FactName } from './facts.ts';

/** Called synchronously within `tell()`, so anything slow must be deferred. A returned promise is not awaited. */
export type Listener<Name extends FactName> = (fact: Fact<Name>) => unknown;

/** A failing listener is logged at most this often. */
const QUIET_MS = 60_000;

/**
 * The event bus of this process. Metrics, the audit log, the dispatcher and the publishers to other processes listen
 * here. A failing listener affects neither the other listeners nor the class that tells the fact. It stays registered,
 * because most failures are temporary.
 */
export class Events {
  readonly #listeners = new Map<FactName, readonly Listening[]>();

  /** Does nothing when the fact has an empty list of jobs. */
  tell(fact: Fact): void {
    if ('jobs' in fact && fact.jobs.length === 0) return;
    const listeners = this.#listeners.get(fact.name);
    if (listeners) for (const listening of listeners) listening.tell(fact);
  }

  /** Registers a listener for one or several facts. Returns a function that removes it. */
  on<Name extends FactName>(names: Name | readonly Name[], listener: Listener<Name>): () => void {
    const listening = new Listening(listener as Listener<FactName>);
    const all = typeof names === 'string' ? [names] : names;
    // Lists are replaced, not changed, because `tell()` may be iterating over one.
    for (const name of all) this.#listeners.set(name, [...this.#of(name), listening]);
    return () => {
      for (const name of all)
        this.#listeners.set(
          name,
          this.#of(name).filter((each) => each !== listening),
        );
    };
  }

  #of(name: FactName): readonly Listening[] {
    return this.#listeners.get(name) ?? [];
  }
}

/** A registered listener, and how often it failed. */
class Listening {
  readonly #log = new Logger('Jobstream events');
  #missed = 0;
  #quietUntil = 0;

  constructor(private readonly listener: Listener<FactName>) {}

  tell(fact: Fact): void {
    try {
      const done = this.listener(fact);
      if (isThenable(done)) Promise.resolve(done).catch((error: unknown) => this.#failed(fact, error));
    } catch (error) {
      this.#failed(fact, error);
    }
  }

  /** Logs at most once a minute. */
  #failed({ name }: Fact, error: unknown): void {
    this.#missed += 1;
    const now = performance.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + QUIET_MS;
    const what = `A listener of "${name}" failed; it stays registered, and the other listeners were called`;
    this.#log.error(`${what} (facts it missed so far: ${this.#missed}): ${anyFaultText(error)}`);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
