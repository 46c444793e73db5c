import { types } from 'node:util';

// A thrown value can be anything: its getters may throw, and a Proxy may throw even on `instanceof`.

/** A property of any value; undefined when it is missing or cannot be read. */
export function read(value: unknown, key: string): unknown {
  try {
    return (value as Record<string, unknown> | null | undefined)?.[key];
  } catch {
    return undefined;
  }
}

/** `instanceof` that does not throw. */
export function isA<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/**
 * Also true for errors of other realms (`node:vm`), and for a DOMException, which is no instance of such a realm's
 * Error.
 */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || isA(value, Error) || isA(value, DOMException);
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Indexes of the inner errors that are included. */
const FIRST = ['0', '1', '2'];

/** `String(value)`, or an empty text if that throws. */
export function stringOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '';
  }
}

/** `Array.isArray()`, but false for a revoked Proxy, for which that throws. */
export function isList(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/**
 * The reasons of an error: the first inner errors of an `AggregateError`, both errors of a `SuppressedError`, then the
 * `cause`. `more` is the number of inner errors left out.
 */
export function reasonsOf(error: unknown): { reasons: unknown[]; more: number } {
  if (!isObject(error)) return { reasons: [], more: 0 };
  const errors = read(error, 'errors');
  const list = isList(errors) ? errors : [];
  const inner = FIRST.map((index) => read(list, index));
  // Error bodies of web services often have a title in `error`, which is not a reason; so only objects count.
  const single = [read(error, 'error'), read(error, 'suppressed')].filter(isObject);
  const reasons = [...inner, ...single, read(error, 'cause')].filter((reason) => reason != null);
  return { reasons, more: Math.max(0, Number(read(list, 'length')) - FIRST.length) };
}
