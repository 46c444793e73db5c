const MARK = '"sentAt":';

/**
 * Reads a response of frames as bytes come. It is cheap rather than complete: a frame ends at its blank line, the
 * sizes of HTTP's chunks are skipped unread, and all that is wanted of a frame is when it was sent.
 */
export class FrameReader {
  /** Frames that were complete, of whatever kind. */
  frames = 0;
  #rest = '';

  /** The `sentAt` of each frame that this piece completes and that has one. */
  read(piece: string): number[] {
    const text = this.#rest + piece;
    const sent: number[] = [];
    let from = 0;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
      this.frames += 1;
      const mark = text.indexOf(MARK, from);
      if (mark >= 0 && mark < end) sent.push(Number.parseInt(text.slice(mark + MARK.length, end), 10));
      from = end + 2;
    }
    this.#rest = text.slice(from);
    return sent;
  }
}

/** The status of a response's first line; null while it is not there. */
export function statusOf(text: string): number | null {
  const match = /^HTTP\/1\.1 (\d{3})/.exec(text);
  return match ? Number(match[1]) : null;
}
