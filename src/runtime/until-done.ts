import { setTimeout as delay } from 'node:timers/promises';
import type { Outage } from './outage.ts';

/** Pause between a failure and the next try. */
export const TRY_AGAIN_MS = 500;

/**
 * Repeats the work until it succeeds, because Postgres may be unavailable for a while. Failures are reported to the
 * outage with the log text `failed`, which has no full stop; so is the success. Returns null when stopped before that.
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

/** Waits for the given time or until stopped. */
export async function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  // It rejects only when `stop` aborts, which callers check themselves.
  await delay(milliseconds, undefined, { signal: stop }).catch(() => undefined);
}
