import { NoAnswer } from './deadline.ts';

interface Waiting<In, Out> {
  item: In;
  resolve: (out: Out) => void;
  reject: (error: unknown) => void;
}

/**
 * Groups single calls into batches without adding delay: calls that arrive while a batch runs form the next one. Under
 * load the database sees one statement for many calls.
 */
export class Batcher<In, Out> {
  #waiting: Waiting<In, Out>[] = [];
  #scheduled = false;

  /** `run` returns one result per item, in the same order. A batch has at most `limit` items. */
  constructor(
    private readonly run: (items: In[]) => Promise<Out[]>,
    private readonly limit = 500,
  ) {}

  add(item: In): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Deferred so that calls in the same turn of the event loop join the first batch.
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
      // On a timeout, waiting calls fail too. They would otherwise time out batch by batch while more calls pile up.
      const failed = error instanceof NoAnswer ? [...batch, ...this.#waiting.splice(0)] : batch;
      for (const { reject } of failed) reject(error);
    }
  }
}
