/**
 * Escapes in JSON that Postgres refuses: U+0000 and lone surrogates. The look-behind skips an escaped backslash that
 * precedes a literal `u0000`.
 */
const REFUSED = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** Replaces what Postgres refuses in a JSON text with U+FFFD. */
export function storableJson(json: string): string {
  return json.includes('\\u') ? json.replace(REFUSED, '$1\\ufffd') : json;
}

/** Replaces what Postgres refuses in a text with U+FFFD. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\uFFFD');
}

export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}
