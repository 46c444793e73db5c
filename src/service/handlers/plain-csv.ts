/**
 * Where the last whole record ends in text that Postgres reads the way we mean it; 0 when there is none, or when Postgres
 * would accept what is wrong:
 *
 * - it takes quotes anywhere, so that one in the middle of a field joins lines up to the next quote
 * - it makes a row of an empty line in a table of one column
 * - before version 18, a line that starts with `\.` ends the data
 *
 * `text` starts with a record, and has a character for each byte of the file.
 */
export function plainEnd(text: string, delimiter: string, last: boolean): number {
  // Behind a CR at the end of the text, the LF of the same line end may follow.
  const known = last || !text.endsWith('\r') ? text : text.slice(0, -1);
  if (known.startsWith('\\.') || known.includes('\n\\.') || known.includes('\r\\.')) return 0;
  // Every second piece is inside of quotes. Between two of those, an empty one is a quote that was doubled.
  const pieces = known.split('"');
  let at = 0;
  let end = 0;
  for (const [index, piece] of pieces.entries()) {
    if (index % 2 === 0) {
      const opens = index === 0 || piece === '' || endsField(piece[0], delimiter);
      const closes = index === pieces.length - 1 || piece === '' || endsField(piece.at(-1), delimiter);
      if (!opens || !closes || hasBlankLine(piece, index === 0)) return 0;
      const newline = Math.max(piece.lastIndexOf('\n'), piece.lastIndexOf('\r'));
      if (newline >= 0) end = at + newline + 1;
    }
    at += piece.length + 1;
  }
  if (!last) return end;
  return pieces.length % 2 === 1 ? known.length : 0;
}

function endsField(character: string | undefined, delimiter: string): boolean {
  return character === delimiter || character === '\n' || character === '\r';
}

function hasBlankLine(piece: string, first: boolean): boolean {
  return /\n[\r\n]|\r\r/.test(piece) || (first && /^[\r\n]/.test(piece));
}
