/**
 * The id of a stream frame, `<version>.<tick>`. Tick 0 is the status change that made the version; ticks
 * 1, 2, … are the progress and log frames of the attempt that owns it. Cursors are totally ordered.
 */
export interface Cursor {
  readonly version: number;
  readonly tick: number;
}

/** The position before the first frame of any job. */
export const START: Cursor = { version: 0, tick: 0 };

const GRAMMAR = /^(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,14})$/;

/** Parses a cursor; null when it is malformed. */
export function parseCursor(text: string): Cursor | null {
  const match = GRAMMAR.exec(text);
  return match ? { version: Number(match[1]), tick: Number(match[2]) } : null;
}

export function formatCursor({ version, tick }: Cursor): string {
  return `${version}.${tick}`;
}

export function isAfter(a: Cursor, b: Cursor): boolean {
  return a.version > b.version || (a.version === b.version && a.tick > b.tick);
}
