import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can be cut off for one client of it alone. */
export class Relay {
  readonly #sockets = new Set<Socket>();
  /** Connections that were closed as soon as they were made. */
  turnedAway = 0;
  #frozenBy: string[] | null = null;
  #mode: 'open' | 'closing' | 'frozen' = 'open';

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (near) => this.#join(near));
  }

  static async to(url: string): Promise<Relay> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Relay(server, new URL(url));
  }

  /** The URL of the server, by this way. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** Closes every connection, and refuses those to come. */
  async cut(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Closes every connection, and those to come as soon as they are made, as a load balancer without servers does. */
  turnAway(): void {
    this.#mode = 'closing';
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Takes what clients send, and passes nothing on any more, either way. */
  freeze(): void {
    this.#mode = 'frozen';
    for (const socket of this.#sockets) freeze(socket);
  }

  /** Freezes, as `freeze` does, once a client sends all of this in one go. */
  freezeAt(...texts: string[]): void {
    this.#frozenBy = texts;
  }

  get frozen(): boolean {
    return this.#mode === 'frozen';
  }

  /** Lets connections to come pass again. */
  open(): void {
    this.#mode = 'open';
  }

  #join(near: Socket): void {
    if (this.#mode === 'closing') {
      this.turnedAway += 1;
      return void near.destroy();
    }
    near.on('data', (sent: Buffer) => {
      if (this.#frozenBy?.every((text) => sent.includes(text))) this.freeze();
    });
    const far = connect(Number(this.target.port), this.target.hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      if (this.#mode === 'frozen') freeze(socket);
      else socket.pipe(other);
    }
  }
}

function freeze(socket: Socket): void {
  socket.unpipe();
  socket.resume();
}
