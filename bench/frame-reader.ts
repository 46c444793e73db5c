const MARK = '"sentAt":';

/** Parses an event stream from the bytes of an HTTP response, just enough to find when each frame was sent. */
export class FrameReader {
  /** The HTTP status; null until the head is complete. */
  status: number | null = null;
  /** Complete frames of any kind. */
  frames = 0;
  #chunked = false;
  /** Bytes that do not form a complete chunk yet. */
  #pending = '';
  /** The beginning of an incomplete frame. */
  #begun = '';

  /**
   * Takes a piece of the response in Latin-1. Returns the `sentAt` of each frame that it completes and that has one.
   */
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
      // NaN or too large while the size, the chunk or the line break after it is incomplete.
      const end = line + 2 + size;
      if (!(end + 2 <= text.length)) break;
      body += text.slice(line + 2, end);
      from = end + 2;
    }
    this.#pending = this.#chunked ? text.slice(from) : '';
    return this.#chunked ? body : text;
  }

  /** Frames end with a blank line. The single line break with which Nest opens a stream ends none. */
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
