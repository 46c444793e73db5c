import { connect, type Socket } from 'node:net';
import { eventually } from './eventually.ts';
import { target } from './http.ts';

/** A request as it goes over the wire. */
export function requestText(
  method: string,
  path: string,
  { token, version = '1.1' }: { token?: string | null; version?: '1.0' | '1.1' } = {},
): string {
  const authorization = token ? `Authorization: Bearer ${token}\r\n` : '';
  return `${method} ${path} HTTP/${version}\r\nHost: jobs.test\r\n${authorization}\r\n`;
}

/** A client that decides itself when it writes, whether it reads, and how it leaves. */
export class RawConnection {
  text = '';
  closed = false;
  readonly #socket: Socket;

  /** `address` is a URL, or the path of a Unix socket. */
  constructor(address: string) {
    const to = address.startsWith('/') ? { path: address } : tcp(address);
    this.#socket = connect({ ...to, allowHalfOpen: true });
    this.#socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')));
    // How a connection ends is what the tests look at, not an error.
    this.#socket.on('error', () => undefined);
    this.#socket.on('end', () => this.#socket.end());
    this.#socket.on('close', () => (this.closed = true));
  }

  write(text: string): this {
    this.#socket.write(text);
    return this;
  }

  /** Resolves once so much was received; rejects after 10 s. */
  async until(received: string | RegExp): Promise<this> {
    const holds = (): boolean =>
      typeof received === 'string' ? this.text.includes(received) : received.test(this.text);
    await eventually(
      () => {
        if (!holds()) throw new Error(`Not received: ${String(received)}, but ${this.text.slice(-300)}`);
      },
      { timeoutMs: 10_000 },
    );
    return this;
  }

  async untilClosed(timeoutMs = 10_000): Promise<void> {
    await eventually(
      () => {
        if (!this.closed) throw new Error(`Not closed after ${timeoutMs} ms: ${this.text.slice(-300)}`);
      },
      { timeoutMs },
    );
  }

  /** Takes nothing more off the socket, so that its buffers fill. */
  stall(): this {
    this.#socket.pause();
    return this;
  }

  read(): this {
    this.#socket.resume();
    return this;
  }

  /** FIN: says that nothing more will be asked. */
  halfClose(): void {
    this.#socket.end();
  }

  /** RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function tcp(url: string): { host: string; port: number } {
  const { host, port } = target(url);
  return { host, port: Number(port) };
}
