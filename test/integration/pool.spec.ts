import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Pool } from 'pg';
import { POOL } from '../../src/service/service.module.ts';

const AUTHENTICATED = message('R', Buffer.from([0, 0, 0, 0]));
const READY = message('Z', Buffer.from('I'));
const STOPPING = message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection\0\0'));

/** A message of Postgres's protocol: its kind, its length with itself, what it says. */
function message(kind: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(kind), length, body]);
}

/** It lets everybody in and says goodbye in the same breath, so that no code runs between the two. */
describe('A Postgres that stops just when it is connected to', () => {
  const sockets: Socket[] = [];
  let server: Server;
  let pool: Pool;
  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, STOPPING])));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    pool = new Pool({ host: '127.0.0.1', port, user: 'anyone', database: 'any', ...POOL.extra });
    // As TypeORM does, for connections that nobody uses.
    pool.on('error', () => undefined);
  });
  afterAll(async () => {
    await pool.end();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  /** As TypeORM takes a connection: it gets to listen some turns of the microtask queue later. */
  async function connect(): Promise<unknown> {
    const taken = new Promise((resolve, reject) => {
      pool.connect((error, client, release) => (error ? reject(error) : resolve({ client, release })));
    });
    const { client, release } = (await taken) as {
      client: { query(sql: string): Promise<unknown> };
      release(): void;
    };
    return client.query('SELECT 1').finally(() => release());
  }

  it('fails the statement, not the process', async () => {
    await expect(connect()).rejects.toThrow(/terminat|not queryable/);
  });
});
