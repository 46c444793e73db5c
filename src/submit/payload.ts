import { createHash } from 'node:crypto';
import { InvalidInput, JobError } from '../job/job-errors.ts';
import type { Json } from '../job/job.ts';
import { storableJson } from '../runtime/storable.ts';

export const MAX_PAYLOAD_BYTES = 64 * 1024;
const MAX_DEPTH = 64;

/**
 * Throws unless the payload is JSON that Postgres can store: at most 64 KiB, at most 64 levels deep, without U+0000 or
 * lone surrogates.
 */
export function checkPayload(payload: unknown): asserts payload is Json {
  if (isDeeperThan(payload, MAX_DEPTH))
    throw invalid(`The payload is nested deeper than ${MAX_DEPTH} levels.`);
  const json = toJson(payload);
  if (json === undefined) throw invalid('The payload is not JSON.');
  if (Buffer.byteLength(json) > MAX_PAYLOAD_BYTES)
    throw new JobError(413, 'payload_too_large', 'A payload may have 64 KiB at most.');
  if (storableJson(json) !== json)
    throw invalid('The payload contains U+0000 or a lone surrogate, which Postgres cannot store.');
}

/** SHA-256 of the payload with sorted keys, as hex: equal payloads have equal hashes. */
export function hashPayload(payload: Json): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(payload)))
    .digest('hex');
}

function invalid(message: string): InvalidInput {
  return new InvalidInput(422, 'invalid_payload', message, [{ path: '', message }]);
}

function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // A circular object or a BigInt. Code can pass one; HTTP cannot.
    return undefined;
  }
}

/** Checks level by level, because recursion could overflow the stack on a deeply nested value. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return ['[', ...value.map(sorted)];
  if (typeof value !== 'object' || value === null) return value;
  // Pairs rather than an object, so that a key such as `__proto__` stays an ordinary key.
  const keys = Object.keys(value).toSorted();
  return ['{', ...keys.map((key) => [key, sorted(value[key] ?? null)])];
}
