import type { Json, Progress } from './job.ts';
import { storableJson, storableText } from '../runtime/storable.ts';

/** What a handler reports: any part of a `Progress`; parts left out are unknown (null). */
export type ProgressUpdate = Partial<Progress>;

const MAX_TEXT = 500;
const MAX_DATA = 4096;

/**
 * Makes a full `Progress` of what a handler reported: finite numbers only, texts cut at 500 characters,
 * `percent` from `done / total` when both are known, always within 0 to 100.
 */
export function toProgress(update: ProgressUpdate): Progress {
  const done = finite(update.done);
  const total = finite(update.total);
  return {
    percent: percentOf(done, total, finite(update.percent)),
    done,
    total,
    unit: text(update.unit),
    step: text(update.step),
    message: text(update.message),
    data: bounded(update.data),
  };
}

function percentOf(done: number | null, total: number | null, given: number | null): number | null {
  const derived = done !== null && total !== null && total > 0 ? (done / total) * 100 : given;
  if (derived === null) return null;
  return Math.round(Math.min(100, Math.max(0, derived)) * 100) / 100;
}

function finite(value: number | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function text(value: string | null | undefined): string | null {
  return typeof value === 'string' ? storableText(value.slice(0, MAX_TEXT)) : null;
}

/** The same value as JSON keeps it, or null when it is no JSON or longer than 4,096 characters. */
function bounded(value: Json | undefined): Json {
  if (value === undefined || value === null) return null;
  try {
    const json = JSON.stringify(value);
    return json === undefined || json.length > MAX_DATA ? null : (JSON.parse(storableJson(json)) as Json);
  } catch {
    // Circular or a BigInt: progress must never break the handler that reports it.
    return null;
  }
}
