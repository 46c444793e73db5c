import { isA, isError, isList, isObject, read, stringOf } from './readable.ts';

const MAX_DEPTH = 6;

/**
 * Whatever it is as JSON, cut at `limit` characters, for people to read: it never throws, and what it costs is bounded by
 * the limit. `showError` makes a text of each error inside.
 */
export function shortJson(value: unknown, limit: number, showError: (error: Error) => string): string {
  const json = JSON.stringify(new Excerpt(limit, showError).of(value)) ?? String(value);
  return json.length > limit ? `${json.slice(0, limit - 1)}…` : json;
}

/** A copy that JSON can hold. */
class Excerpt {
  readonly #path = new Set<object>();

  constructor(
    /** Characters that are left, of which every value takes one at least. */
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
    // What JSON has no word for: NaN, a BigInt, a symbol.
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

  /** One getter that throws does not hide the rest. */
  #property(value: object, key: string): unknown {
    try {
      return this.of((value as Record<string, unknown>)[key]);
    } catch {
      return '[not readable]';
    }
  }
}
