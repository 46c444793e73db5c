import { NoAnswer } from './deadline.ts';

interface Waiting<In, Out> {
  item: In;
  resolve: (out: Out) => void;
  reject: (error: unknown) => void;
}

/**
 * Turns single calls into batches without waiting: while one batch is under way, further calls gather and
 * leave together as the next one. Under load the database sees one statement for many calls.
 */
export class Batcher<In, Out> {
  #waiting: Waiting<In, Out>[] = [];
  #scheduled = false;

  /** `run` answers every item at its index. At most `limit` items leave together. */
  constructor(
    private readonly run: (items: In[]) => Promise<Out[]>,
    private readonly limit = 500,
  ) {}

  add(item: In): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Calls of the same turn of the event loop join the first batch.
      setImmediate(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#runOne(this.#waiting.splice(0, this.limit));
    this.#scheduled = false;
  }

  async #runOne(batch: Waiting<In, Out>[]): Promise<void> {
    try {
      const answers = await this.run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(answers[index] as Out));
    } catch (error) {
      // Those behind would wait as long again, and more of them the longer it lasts.
      const failed = error instanceof NoAnswer ? [...batch, ...this.#waiting.splice(0)] : batch;
      for (const { reject } of failed) reject(error);
    }
  }
}
