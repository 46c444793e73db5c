import { connect, type Socket } from 'node:net';
import { target } from '../support/http.ts';

const DRIP_MS = 400;

/** The beginnings of requests, and what drips after each of them, for ever. */
const KINDS: readonly [kind: string, start: string, drip: string][] = [
  ['silent', '', ''],
  ['request line', 'G', 'E'],
  ['headers', 'GET /health/live HTTP/1.1\r\nHost: x\r\n', 'X-A: b\r\n'],
  [
    'body',
    'POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{',
    ' ',
  ],
  [
    'chunks',
    'POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    '1\r\n \r\n',
  ],
  ['body of no route', 'PUT /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n', ' '],
  ['second request', 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /health/li', 'v'],
];

interface SlowSocket {
  kind: string;
  drip: string;
  socket: Socket;
  received: string;
  open: boolean;
}

/** Clients whose requests never end. */
export class SlowSockets {
  readonly #sockets: SlowSocket[];
  readonly #timer = setInterval(() => this.#drip(), DRIP_MS);

  constructor(url: string, count: number) {
    this.#sockets = Array.from({ length: count }, (_, index) => open(url, KINDS[index % KINDS.length]));
  }

  /** The kinds of those that the server still holds, each once. */
  get open(): string[] {
    return [...new Set(this.#sockets.filter((socket) => socket.open).map(({ kind }) => kind))];
  }

  /** The last status that each kind was answered. */
  get statuses(): Record<string, string | undefined> {
    return Object.fromEntries(
      this.#sockets.map(({ kind, received }) => [
        kind,
        [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].at(-1)?.[1],
      ]),
    );
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const { socket } of this.#sockets) socket.destroy();
  }

  #drip(): void {
    for (const { socket, drip, open: isOpen } of this.#sockets) if (isOpen && drip) socket.write(drip);
  }
}

function open(url: string, [kind, start, drip]: (typeof KINDS)[number] = ['silent', '', '']): SlowSocket {
  const { host, port } = target(url);
  const slow = { kind, drip, socket: connect({ host, port: Number(port) }), received: '', open: true };
  slow.socket.on('data', (chunk: Buffer) => (slow.received += chunk.toString('latin1')));
  // How it is cut is the server's choice.
  slow.socket.on('error', () => undefined);
  slow.socket.on('close', () => (slow.open = false));
  if (start) slow.socket.write(start);
  return slow;
}
