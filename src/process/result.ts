import type { Json } from '../job/job.ts';
import { errorText } from '../runtime/error-text.ts';
import { isA } from '../runtime/readable.ts';
import { storableJson } from '../runtime/storable.ts';

/** Of the result as JSON in UTF-8. */
const MAX_RESULT_BYTES = 256 * 1024;
const MAX_SHOWN_PATH = 200;

type ResultFault = 'not_json' | 'circular' | 'bigint' | 'too_deep' | 'too_large';

/** What a handler returned cannot be stored. The job fails with `invalid_result`; `code` is for the log. */
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

/** The result as Postgres keeps it, or throws `InvalidResult`. No result is null; what JSON leaves out is left out. */
export function storedResult(result: unknown): Json {
  const json = jsonOf(result ?? null);
  if (json === undefined)
    throw new InvalidResult(
      'not_json',
      `The handler returned a ${typeof result}, which JSON has no form for.`,
    );
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_RESULT_BYTES)
    throw new InvalidResult(
      'too_large',
      `The result has ${inDigits(bytes)} bytes as JSON; at most ${inDigits(MAX_RESULT_BYTES)} (256 KiB) are kept. ` +
        'Store it elsewhere and return where it is.',
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
    return new InvalidResult('not_json', 'Making JSON of the result failed.', error);
  // V8 has two: no stack left, and no text can be so long.
  return /string length/.test(errorText(error))
    ? new InvalidResult('too_large', 'The result is larger than any text can be; at most 256 KiB are kept.')
    : new InvalidResult('too_deep', 'The result is nested too deeply for JSON.');
}

/** Goes through the result as JSON does, and finds the first place that JSON has no form for. */
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
      throw new InvalidResult('bigint', `The result holds a BigInt${at}, which JSON has no form for.`);
    if (typeof value !== 'object' || value === null) return value;
    if (parents.includes(value))
      throw new InvalidResult('circular', `The result refers back to itself${at}, which JSON cannot show.`);
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
