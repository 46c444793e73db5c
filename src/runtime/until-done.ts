import { setTimeout as delay } from 'node:timers/promises';
import type { Outage } from './outage.ts';

/** How long to wait until what failed is tried again. */
export const TRY_AGAIN_MS = 500;

/**
 * Does work until it succeeds, as Postgres may be away for a while; the outage is told of each failure, with `failed`, a
 * sentence without its end, and of the success. Null when it was stopped before.
 */
export async function untilDone<T>(
  failed: string,
  work: () => Promise<T>,
  stop: AbortSignal,
  outage: Pick<Outage, 'told' | 'over'>,
): Promise<T | null> {
  while (!stop.aborted) {
    try {
      const done = await work();
      outage.over();
      return done;
    } catch (error) {
      outage.told(failed, error);
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
