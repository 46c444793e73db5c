/**
 * What `JSON.stringify` escapes and Postgres refuses: U+0000 and lone surrogates. The look-behind leaves
 * escaped backslashes before a literal `u0000` alone.
 */
const REFUSED = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** The JSON text with what Postgres refuses replaced by U+FFFD. */
export function storableJson(json: string): string {
  return json.includes('\\u') ? json.replace(REFUSED, '$1\\ufffd') : json;
}

/** The text with what Postgres refuses replaced by U+FFFD. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\uFFFD');
}

export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}
