import type { JobReader } from '../../../src/stream/job-reader.ts';
import type { Happening } from './life.ts';

/** A read that is asked for: it happens when the test says, and is answered when it says. */
interface HeldRead {
  name: string;
  happen(): Promise<void>;
  /** Null until it has happened. */
  answer: (() => void) | null;
  /** Whether it is answered as soon as it has happened. */
  prompt: boolean;
}

type Reads = Pick<JobReader, 'job' | 'lastFrame' | 'changesAfter'>;

/** The reads that are under way. */
export class HeldReads {
  #reads: HeldRead[] = [];

  /** A reader all of whose reads are held; the row is the one that is answered some time after it was read. */
  reader(reader: Reads): Reads {
    return {
      job: (job) => this.hold('row', () => reader.job(job), false),
      lastFrame: (id) => this.hold('last frame', () => reader.lastFrame(id)),
      changesAfter: (job, after) => this.hold('history', () => reader.changesAfter(job, after)),
    };
  }

  hold<T>(name: string, ask: () => Promise<T>, prompt = true): Promise<T> {
    return new Promise((resolve) => {
      const read: HeldRead = {
        name,
        prompt,
        answer: null,
        happen: async () => {
          const value = await ask();
          read.answer = () => resolve(value);
        },
      };
      this.#reads.push(read);
    });
  }

  possible(): Happening[] {
    return this.#reads.map((read): Happening =>
      read.answer
        ? { name: `${read.name} answers`, act: () => this.#answer(read) }
        : { name: `${read.name} is read`, act: () => this.#read(read) },
    );
  }

  async #read(read: HeldRead): Promise<void> {
    await read.happen();
    if (read.prompt) this.#answer(read);
  }

  #answer(read: HeldRead): void {
    this.#reads = this.#reads.filter((other) => other !== read);
    read.answer?.();
  }
}
