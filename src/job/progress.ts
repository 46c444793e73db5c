import type { Json, Progress } from './job.ts';
import { storableJson, storableText } from '../runtime/storable.ts';

/** A handler's report: any fields of a `Progress`. Omitted fields are unknown (null). */
export type ProgressUpdate = Partial<Progress>;

const MAX_TEXT = 500;
const MAX_DATA = 4096;

/**
 * Completes a handler's report: numbers that are not finite become null, texts are cut at 500 characters, and `percent`
 * is computed from `done / total` when both are known and limited to 0 to 100.
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

/** The value after a round trip through JSON, or null when it is not JSON or longer than 4,096 characters. */
function bounded(value: Json | undefined): Json {
  if (value === undefined || value === null) return null;
  try {
    const json = JSON.stringify(value);
    return json === undefined || json.length > MAX_DATA ? null : (JSON.parse(storableJson(json)) as Json);
  } catch {
    // A circular object or a BigInt. It is dropped because reporting progress must not fail the handler.
    return null;
  }
}
