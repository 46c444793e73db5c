import { pause } from '../runtime/until-done.ts';

/**
 * Purges in batches, none of which holds its locks for long, until one is not full or it is stopped; resolves to the
 * number of rows. It rests after each batch for as long as that took: half of the time is left to others.
 */
export async function inBatches(
  size: number,
  purge: () => Promise<number>,
  stop: AbortSignal = new AbortController().signal,
): Promise<number> {
  let total = 0;
  while (!stop.aborted) {
    const begun = performance.now();
    const purged = await purge();
    total += purged;
    if (purged < size) break;
    await pause(performance.now() - begun, stop);
  }
  return total;
}
