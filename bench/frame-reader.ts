const MARK = '"sentAt":';

/** Reads one HTTP response that is an event stream, as its bytes come; all that is wanted of a frame is when it was sent. */
export class FrameReader {
  /** Null while the head is not complete. */
  status: number | null = null;
  /** Frames that were complete, of whatever kind. */
  frames = 0;
  #chunked = false;
  /** Bytes of the response that are no whole chunk yet. */
  #pending = '';
  /** The beginning of a frame. */
  #begun = '';

  /** The `sentAt` of each frame that this piece, in Latin-1, completes and that has one. */
  read(piece: string): number[] {
    this.#pending += piece;
    if (this.status === null && !this.#readHead()) return [];
    return this.#readFrames(this.#takeBody());
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = this.#pending.slice(0, end);
    this.#pending = this.#pending.slice(end + 4);
    this.status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
    this.#chunked = /^transfer-encoding: *chunked\r?$/im.test(head);
    return true;
  }

  #takeBody(): string {
    const text = this.#pending;
    let [body, from] = ['', 0];
    while (this.#chunked) {
      const line = text.indexOf('\r\n', from);
      const size = line < 0 ? Number.NaN : Number.parseInt(text.slice(from, line), 16);
      // Neither is there while the size, the chunk or the line break after it is incomplete.
      const end = line + 2 + size;
      if (!(end + 2 <= text.length)) break;
      body += text.slice(line + 2, end);
      from = end + 2;
    }
    this.#pending = this.#chunked ? text.slice(from) : '';
    return this.#chunked ? body : text;
  }

  /** A frame ends at its blank line; the line break with which Nest opens a stream ends none. */
  #readFrames(body: string): number[] {
    const text = this.#begun + body;
    const sent: number[] = [];
    let from = 0;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
      this.frames += 1;
      const mark = text.indexOf(MARK, from);
      if (mark >= 0 && mark < end) sent.push(Number.parseInt(text.slice(mark + MARK.length, end), 10));
      from = end + 2;
    }
    this.#begun = text.slice(from);
    return sent;
  }
}
