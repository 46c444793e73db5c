import { pause } from '../runtime/until-done.ts';

/**
 * Purges in batches, so that no statement holds its locks for long, until a batch is not full or it is stopped.
 * Resolves to the number of rows. After each batch it pauses for as long as the batch took, to leave half of the time
 * to other work.
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
