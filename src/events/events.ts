import { Logger } from '@nestjs/common';
import { anyFaultText } from '../runtime/loggable.ts';
import type { Fact, FactName } from './facts.ts';

/** Called at once, within `tell()`: whatever takes long has to be put off. A promise that it returns is not waited for. */
export type Listener<Name extends FactName> = (fact: Fact<Name>) => unknown;

/** How often a listener that keeps failing is complained of. */
const QUIET_MS = 60_000;

/**
 * The one place where things are told. Metrics, the audit's log, hints to the dispatcher and to other processes listen
 * here and nowhere else. A listener that fails harms nobody: the others are told, whoever tells goes on, and it is told
 * the next fact as well, as most of what listeners fail at is over soon.
 */
export class Events {
  readonly #listeners = new Map<FactName, readonly Listening[]>();

  /** `fact.jobs` may be empty: then there is nothing to tell. */
  tell(fact: Fact): void {
    if ('jobs' in fact && fact.jobs.length === 0) return;
    const listeners = this.#listeners.get(fact.name);
    if (listeners) for (const listening of listeners) listening.tell(fact);
  }

  /** Calls the listener with every fact of this name, or of these, from now on until the function that it returns is called. */
  on<Name extends FactName>(names: Name | readonly Name[], listener: Listener<Name>): () => void {
    const listening = new Listening(listener as Listener<FactName>);
    const all = typeof names === 'string' ? [names] : names;
    // New lists, so that one that is being told stays as it is.
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

/** A listener, and what has become of the facts that it was told. */
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

  /** Said once where it is over within a minute; while it lasts, once a minute. */
  #failed({ name }: Fact, error: unknown): void {
    this.#missed += 1;
    const now = performance.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + QUIET_MS;
    const what = `A listener of "${name}" failed; it stays, and everybody else was told`;
    this.#log.error(`${what} (facts it missed so far: ${this.#missed}): ${anyFaultText(error)}`);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
