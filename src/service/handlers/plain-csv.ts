const LF = 10;
const CR = 13;
const QUOTE = 34;
const DOT = 46;
const BACKSLASH = 92;

/**
 * Where the last whole record ends in CSV that Postgres reads as it is meant; 0 when there is none, or when Postgres would
 * accept what is wrong:
 *
 * - it takes a quote anywhere, so that one in the middle of a field joins lines up to the next quote
 * - it makes a row of an empty line in a table of one column
 * - before version 18, a line that starts with `\.` ends the data
 *
 * @param bytes start with a record
 * @param last whether the file ends where the bytes do
 */
export function plainEnd(bytes: Uint8Array, delimiter: number, last: boolean): number {
  let quoted = false;
  let end = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      if (quoted && bytes[i + 1] === QUOTE) i++;
      else {
        const beside = bytes[quoted ? i + 1 : i - 1];
        if (beside !== undefined && beside !== delimiter && !endsLine(beside)) return 0;
        quoted = !quoted;
      }
    } else if (byte === BACKSLASH) {
      if (bytes[i + 1] === DOT && startsLine(bytes, i)) return 0;
    } else if (!quoted && endsLine(byte)) {
      if (startsLine(bytes, i) && !(byte === LF && bytes[i - 1] === CR)) return 0;
      // Behind a CR at the end, the LF of the same line end may follow.
      if (byte === LF || last || i + 1 < bytes.length) end = i + 1;
    }
  }
  return last && !quoted ? bytes.length : end;
}

function endsLine(byte: number | undefined): boolean {
  return byte === LF || byte === CR;
}

function startsLine(bytes: Uint8Array, at: number): boolean {
  return at === 0 || endsLine(bytes[at - 1]);
}
