import { get } from 'node:http';
import { eventually } from './eventually.ts';
import { target } from './http.ts';

/** Follows a stream of any length and keeps nothing of it but the ids. */
export class CursorReader {
  /** `[version, tick]` of each frame. */
  readonly cursors: [version: number, tick: number][] = [];
  closed = false;
  readonly #call: ReturnType<typeof get>;
  #line = '';

  constructor(url: string, token: string) {
    const headers = { authorization: `Bearer ${token}` };
    this.#call = get({ ...target(url), agent: false, headers }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => this.#receive(chunk));
      response.on('close', () => (this.closed = true));
      response.on('error', () => undefined);
    });
    // Who waits for an id says that it did not come.
    this.#call.on('error', () => undefined);
  }

  /** Resolves once the frame with this id was received. */
  async until(version: number, tick: number): Promise<void> {
    await eventually(
      () => {
        const last = this.cursors.at(-1);
        if (last?.[0] !== version || last[1] !== tick)
          throw new Error(`Waited for ${version}.${tick}, but the newest is ${last?.join('.')}`);
      },
      { timeoutMs: 10_000 },
    );
  }

  /** Whether every id is after the one before. */
  get increases(): boolean {
    return this.cursors.every(([version, tick], index) => {
      const [before, tickBefore] = this.cursors[index - 1] ?? [-1, 0];
      return version > before || (version === before && tick > tickBefore);
    });
  }

  leave(): void {
    this.#call.destroy();
  }

  #receive(chunk: string): void {
    const lines = (this.#line + chunk).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      const id = /^id: (\d+)\.(\d+)$/.exec(line);
      if (id) this.cursors.push([Number(id[1]), Number(id[2])]);
    }
  }
}
