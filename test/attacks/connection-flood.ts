import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { target } from '../support/http.ts';

const AT_A_TIME = 100;

/** What a client may do with a connection besides using it. */
const WAYS: readonly ((socket: Socket) => unknown)[] = [
  (socket) => socket.destroy(),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.end('GET /jobs HTT'),
  (socket) => socket.end('\u0016\u0003\u0001\u0002\u0000\u0001\u0000'),
  (socket) => socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n', () => socket.resetAndDestroy()),
];

/** Opens and closes that many connections; resolves to how many were refused. */
export async function floodConnections(url: string, count: number): Promise<number> {
  let started = 0;
  let refused = 0;
  const next = async (): Promise<void> => {
    while (started < count) {
      const way = WAYS[started % WAYS.length];
      started += 1;
      if (!(await attempt(url, way))) refused += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, next));
  return refused;
}

async function attempt(url: string, way: (typeof WAYS)[number] = () => undefined): Promise<boolean> {
  const { host, port } = target(url);
  const socket = connect({ host, port: Number(port) });
  let connected = false;
  socket.on('connect', () => {
    connected = true;
    way(socket);
  });
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'close');
  return connected;
}
