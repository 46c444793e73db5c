import { describe, expect, it } from '@jest/globals';
import { Batcher } from '../../src/runtime/batcher.ts';
import { PostgresSilent } from '../../src/store/statement-deadline.ts';

/** A batcher of which the test decides when each batch is answered. */
function heldBatcher(limit?: number) {
  const batches: number[][] = [];
  const waiting: (() => void)[] = [];
  const run = (items: number[]): Promise<string[]> => {
    batches.push(items);
    return new Promise((resolve) => waiting.push(() => resolve(items.map((item) => `answer ${item}`))));
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** Lets the batch under way end, and the next one begin. */
  const answer = async (): Promise<void> => {
    waiting.shift()?.();
    await turn();
  };
  return { batcher: new Batcher(run, limit), batches, turn, answer };
}

describe('a batcher', () => {
  it('sends the calls of one turn together and answers each', async () => {
    const { batcher, batches, turn, answer } = heldBatcher();
    const answers = Promise.all([batcher.add(1), batcher.add(2), batcher.add(3)]);
    await turn();
    expect(batches).toEqual([[1, 2, 3]]);
    await answer();
    expect(await answers).toEqual(['answer 1', 'answer 2', 'answer 3']);
  });

  it('gathers what comes while a batch is under way into the next one', async () => {
    const { batcher, batches, turn, answer } = heldBatcher();
    const answers = [batcher.add(1)];
    await turn();
    answers.push(batcher.add(2));
    await turn();
    answers.push(batcher.add(3));
    await turn();
    expect(batches).toEqual([[1]]);
    await answer();
    expect(batches).toEqual([[1], [2, 3]]);
    await answer();
    expect(await Promise.all(answers)).toEqual(['answer 1', 'answer 2', 'answer 3']);
  });

  it('sends no more than its limit together', async () => {
    const { batcher, batches, turn, answer } = heldBatcher(2);
    const answers = Promise.all([1, 2, 3, 4, 5].map((item) => batcher.add(item)));
    await turn();
    for (let batch = 0; batch < 3; batch += 1) await answer();
    expect(batches).toEqual([[1, 2], [3, 4], [5]]);
    expect(await answers).toHaveLength(5);
  });

  it('goes on after it has been idle', async () => {
    const { batcher, turn, answer } = heldBatcher();
    for (const item of [1, 2]) {
      const answered = batcher.add(item);
      await turn();
      await answer();
      expect(await answered).toBe(`answer ${item}`);
    }
  });

  it('fails the calls of a batch that failed, and only those', async () => {
    const batcher = new Batcher<number, number>(async (items) => {
      if (items.includes(2)) throw new Error('no');
      return items;
    }, 2);
    const answers = await Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)));
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(await batcher.add(4)).toBe(4);
  });

  it('fails all calls that wait when Postgres does not answer one batch, and begins anew with the next', async () => {
    const batches: number[][] = [];
    const batcher = new Batcher<number, number>(async (items) => {
      batches.push(items);
      if (items.includes(1)) throw new PostgresSilent(10_000);
      return items;
    }, 1);
    const answers = await Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)));
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(batches).toEqual([[1]]);
    expect(await batcher.add(4)).toBe(4);
  });

  it('fails its calls when the work throws before it has begun', async () => {
    const batcher = new Batcher<number, number>(() => {
      throw new Error('at once');
    });
    await expect(batcher.add(1)).rejects.toThrow('at once');
    await expect(batcher.add(2)).rejects.toThrow('at once');
  });
});
