import { isA, isError, isList, isObject, read, stringOf } from './readable.ts';

const MAX_DEPTH = 6;

/**
 * Any value as JSON for people to read, cut at `limit` characters. Never throws, and its cost is bounded by the limit
 * rather than by the size of the value. `showError` formats each error inside.
 */
export function shortJson(value: unknown, limit: number, showError: (error: Error) => string): string {
  const json = JSON.stringify(new Excerpt(limit, showError).of(value)) ?? String(value);
  return json.length > limit ? `${json.slice(0, limit - 1)}…` : json;
}

/** Makes a bounded copy that JSON can represent. */
class Excerpt {
  readonly #path = new Set<object>();

  constructor(
    /** Characters left; every value uses up at least one. */
    private left: number,
    private readonly showError: (error: Error) => string,
  ) {}

  of(value: unknown): unknown {
    this.left -= 1;
    if (isObject(value)) return this.#ofObject(value);
    if (typeof value === 'string') {
      const text = value.slice(0, Math.max(this.left, 0) + 1);
      this.left -= text.length;
      return text;
    }
    if (typeof value === 'function') return `[function ${String(read(value, 'name'))}]`;
    // JSON cannot represent NaN, BigInts and symbols, so they become strings.
    const known =
      value === undefined || typeof value === 'boolean' || value === null || Number.isFinite(value);
    return known ? value : stringOf(value);
  }

  #ofObject(value: object): unknown {
    if (this.#path.has(value)) return '[circular]';
    if (this.#path.size >= MAX_DEPTH) return '[…]';
    this.#path.add(value);
    try {
      return this.#contents(value);
    } catch {
      return '[not readable]';
    } finally {
      this.#path.delete(value);
    }
  }

  #contents(value: object): unknown {
    if (isError(value)) return this.of(this.showError(value));
    if (ArrayBuffer.isView(value)) return `[${value.constructor.name} of ${value.byteLength} bytes]`;
    const toJson = read(value, 'toJSON');
    if (typeof toJson === 'function') return this.of(toJson.call(value));
    if (isList(value) || isA(value, Map) || isA(value, Set)) return this.#items(value);
    return this.#properties(value);
  }

  #items(values: Iterable<unknown>): unknown[] {
    const items: unknown[] = [];
    for (const value of values) {
      if (this.left <= 0) break;
      items.push(this.of(value));
    }
    return items;
  }

  #properties(value: object): Record<string, unknown> {
    const properties: [string, unknown][] = [];
    for (const key of Object.keys(value)) {
      if (this.left <= 0) break;
      this.left -= key.length;
      properties.push([key, this.#property(value, key)]);
    }
    return Object.fromEntries(properties);
  }

  /** A getter that throws must not hide the other properties. */
  #property(value: object, key: string): unknown {
    try {
      return this.of((value as Record<string, unknown>)[key]);
    } catch {
      return '[not readable]';
    }
  }
}
