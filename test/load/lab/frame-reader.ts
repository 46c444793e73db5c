import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { target } from '../../support/http.ts';

/** A frame as it came; `data` is JSON. */
export interface ReadFrame {
  event: string;
  id: string;
  data: string;
  retry: number | null;
}

export interface ReadOptions {
  token: string;
  /** The cursor to resume from. */
  lastId?: string | null;
  onFrame: (frame: ReadFrame) => void;
}

/** Follows a stream of any length and keeps nothing of it. */
export class FrameReader {
  /** The status, once there is an answer; rejects when there is none. */
  readonly status: Promise<number>;
  /** Resolves once the stream is over, however it ended. */
  readonly closed: Promise<void>;
  readonly #call: ClientRequest;
  readonly #onFrame: (frame: ReadFrame) => void;
  #line = '';
  #fields: Record<string, string> = {};

  constructor(url: string, { token, lastId, onFrame }: ReadOptions) {
    this.#onFrame = onFrame;
    const resume = lastId ? { 'last-event-id': lastId } : {};
    const headers = { authorization: `Bearer ${token}`, ...resume };
    this.#call = get({ ...target(url), agent: false, headers });
    this.closed = new Promise((resolve) => this.#call.once('close', resolve));
    this.status = new Promise((resolve, reject) => {
      this.#call.once('error', reject);
      this.#call.once('response', (response) => {
        resolve(response.statusCode ?? 0);
        this.#read(response);
      });
    });
    // Who asks for the status is told; nobody has to ask.
    this.status.catch(() => undefined);
  }

  leave(): void {
    this.#call.destroy();
  }

  #read(response: IncomingMessage): void {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const lines = (this.#line + chunk).split('\n');
      this.#line = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    });
    // That it broke off shows in the frames that did not come.
    response.on('error', () => undefined);
  }

  #take(line: string): void {
    const colon = line.indexOf(': ');
    if (line !== '') this.#fields[line.slice(0, colon)] = line.slice(colon + 2);
    else this.#dispatch();
  }

  #dispatch(): void {
    const { event, id = '', data = '', retry } = this.#fields;
    this.#fields = {};
    if (event) this.#onFrame({ event, id, data, retry: retry ? Number(retry) : null });
  }
}
