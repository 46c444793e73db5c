import { setTimeout as pause } from 'node:timers/promises';

/** Asks again and again until the answer is true. Throws after `ms`, and at once when `condition` throws. */
export async function until(condition: () => boolean | Promise<boolean>, ms: number): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline)
      throw new Error(`It did not become true within ${ms} ms: ${condition.toString()}`);
    await pause(100);
  }
}
