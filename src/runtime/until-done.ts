import { setTimeout as delay } from 'node:timers/promises';

/** How long to wait until what failed is tried again. */
export const TRY_AGAIN_MS = 500;

/**
 * Does work until it succeeds, as Postgres may be away for a while; `failed` hears of each failure. Null when it was
 * stopped before.
 */
export async function untilDone<T>(
  work: () => Promise<T>,
  stop: AbortSignal,
  failed: (error: unknown) => void,
): Promise<T | null> {
  while (!stop.aborted) {
    try {
      return await work();
    } catch (error) {
      failed(error);
    }
    await pause(TRY_AGAIN_MS, stop);
  }
  return null;
}

/** Waits so long, or until it is stopped. */
export async function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  // It only ever rejects because of the stop, which the caller looks at.
  await delay(milliseconds, undefined, { signal: stop }).catch(() => undefined);
}
