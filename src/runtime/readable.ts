import { types } from 'node:util';

// What was thrown may be anything: a getter may throw, and a Proxy even when its class is asked for.

/** A property of whatever it is; undefined where there is none or where it cannot be read. */
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

/** Errors of other realms (`node:vm`) too, where a DOMException is no instance of Error. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || isA(value, Error) || isA(value, DOMException);
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The errors inside one error that are looked at. */
const FIRST = ['0', '1', '2'];

/** `String()`; empty where that throws. */
export function stringOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '';
  }
}

/** `Array.isArray`, which throws for a Proxy that was revoked. */
export function isList(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/**
 * Why there was an error: the first errors of an `AggregateError`, both of a `SuppressedError`, then the `cause`.
 * `more` is how many errors were left out.
 */
export function reasonsOf(error: unknown): { reasons: unknown[]; more: number } {
  if (!isObject(error)) return { reasons: [], more: 0 };
  const errors = read(error, 'errors');
  const list = isList(errors) ? errors : [];
  const inner = FIRST.map((index) => read(list, index));
  // What a service answered often has a title in `error`, which is no reason.
  const single = [read(error, 'error'), read(error, 'suppressed')].filter(isObject);
  const reasons = [...inner, ...single, read(error, 'cause')].filter((reason) => reason != null);
  return { reasons, more: Math.max(0, Number(read(list, 'length')) - FIRST.length) };
}
