import type { Json } from '../job/job.ts';
import { errorText } from '../runtime/error-text.ts';
import { isA } from '../runtime/readable.ts';
import { storableJson } from '../runtime/storable.ts';

/** Largest result, as JSON in UTF-8. */
const MAX_RESULT_BYTES = 256 * 1024;
const MAX_SHOWN_PATH = 200;

type ResultFault = 'not_json' | 'circular' | 'bigint' | 'too_deep' | 'too_large';

/** The handler's result cannot be stored. The job fails with `invalid_result`; `code` only appears in the log. */
export class InvalidResult extends Error {
  constructor(
    readonly code: ResultFault,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'InvalidResult';
  }
}

/**
 * The result as it is stored; throws `InvalidResult` when it cannot be. No result becomes null, and parts that JSON
 * omits are omitted.
 */
export function storedResult(result: unknown): Json {
  const json = jsonOf(result ?? null);
  if (json === undefined)
    throw new InvalidResult(
      'not_json',
      `The handler returned a ${typeof result}, which JSON cannot represent.`,
    );
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_RESULT_BYTES)
    throw new InvalidResult(
      'too_large',
      `The result has ${inDigits(bytes)} bytes as JSON; the limit is ${inDigits(MAX_RESULT_BYTES)} (256 KiB). ` +
        'Store it elsewhere and return its location.',
    );
  return JSON.parse(storableJson(json)) as Json;
}

function jsonOf(result: unknown): string | undefined {
  try {
    return JSON.stringify(result);
  } catch (error) {
    throw faultIn(result) ?? faultOf(error);
  }
}

function faultOf(error: unknown): InvalidResult {
  if (!isA(error, RangeError))
    return new InvalidResult('not_json', 'Converting the result to JSON failed.', error);
  // V8 throws a RangeError for two reasons: the stack is exhausted, or the string would be too long.
  return /string length/.test(errorText(error))
    ? new InvalidResult(
        'too_large',
        'The result is larger than the longest possible string; the limit is 256 KiB.',
      )
    : new InvalidResult('too_deep', 'The result is nested too deeply for JSON.');
}

/** Walks through the result like `JSON.stringify()` and finds the first value that JSON cannot represent. */
function faultIn(result: unknown): InvalidResult | null {
  const parents: unknown[] = [];
  const path: string[] = [];
  function visit(this: unknown, key: string, value: unknown): unknown {
    while (parents.length > 0 && parents.at(-1) !== this) {
      parents.pop();
      path.pop();
    }
    const place = [...path, key].slice(1).join('.').slice(0, MAX_SHOWN_PATH);
    const at = place === '' ? '' : ` at "${place}"`;
    if (typeof value === 'bigint')
      throw new InvalidResult('bigint', `The result contains a BigInt${at}, which JSON cannot represent.`);
    if (typeof value !== 'object' || value === null) return value;
    if (parents.includes(value))
      throw new InvalidResult(
        'circular',
        `The result contains a circular reference${at}, which JSON cannot represent.`,
      );
    parents.push(value);
    path.push(key);
    return value;
  }
  try {
    JSON.stringify(result, visit);
  } catch (error) {
    return isA(error, InvalidResult) ? error : null;
  }
  return null;
}

function inDigits(bytes: number): string {
  return bytes.toLocaleString('en-US');
}
