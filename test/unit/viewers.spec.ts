import { EventEmitter, once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Permit } from '../../src/access/permit.ts';
import type { RevocationWatch } from '../../src/access/revocation-watch.ts';
import { Events } from '../../src/events/events.ts';
import { resolveOptions } from '../../src/jobs.options.ts';
import type { StreamResponse } from '../../src/stream/stream-response.ts';
import { Viewers } from '../../src/stream/viewers.ts';

/** A response whose client never reads to its end. */
class StalledResponse extends EventEmitter {
  closed = false;
  destroyed = false;
  readonly socket = {};

  setTimeout(): void {}

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const NEVER_REVOKED = { watch: () => ({ stop: () => undefined, isRevoked: () => false }) };
const CALLER = { tenant: 'acme', subject: 'alice', scopes: [], expiresAt: null };

const REQUEST = {
  cursor: '1.0',
  heartbeat: 'comment',
  permit: { caller: CALLER } as unknown as Permit,
  job: null,
  mayStay: () => true,
} as const;

const ISSUER = { secret: 'x'.repeat(32), issuer: 'issuer', audience: 'audience' };

/** Streams of a process that ends within the grace; `onBye` is called with the number of each that is told. */
function openStreams(
  count: number,
  shutdownGraceMs: number,
  onBye: (index: number) => void = () => undefined,
) {
  const options = resolveOptions({ redis: 'redis://unused', jwt: ISSUER, shutdownGraceMs });
  const viewers = new Viewers(options, NEVER_REVOKED as unknown as RevocationWatch, new Events());
  const responses = Array.from({ length: count }, (_response, index) => {
    const response = new StalledResponse();
    const request = {
      ...REQUEST,
      response: response as unknown as StreamResponse,
    };
    viewers.open(request, () => () => undefined).subscribe({ complete: () => onBye(index) });
    return response;
  });
  return { viewers, responses };
}

/** How many were told in each turn of the event loop, or about that. */
async function turnsOfDrain(
  count: number,
  graceMs: number,
  onBye: (index: number) => void,
): Promise<number[]> {
  const told = new Map<number, number>();
  let turn = 0;
  const counting = setInterval(() => (turn += 1), 1);
  const { viewers, responses } = openStreams(count, graceMs, (index) => {
    told.set(turn, (told.get(turn) ?? 0) + 1);
    onBye(index);
  });
  for (const response of responses) response.closed = true;
  await viewers.stop().finally(() => clearInterval(counting));
  return [...told.values()];
}

function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe('the drain of all streams', () => {
  it('cuts off who does not read before the grace is over, however short that is', async () => {
    const { viewers, responses } = openStreams(3, 400);
    const begun = performance.now();
    await viewers.stop();
    expect(responses.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
    // A response may linger for 5 s while the process goes on.
    expect(performance.now() - begun).toBeLessThan(4_000);
  });

  it('spreads the goodbyes', async () => {
    const turns = await turnsOfDrain(200, 8_000, () => undefined);
    expect(turns.reduce((sum, each) => sum + each)).toBe(200);
    expect(turns.length).toBeGreaterThan(2);
  });

  it('catches up with the clock on a machine that was held up', async () => {
    const turns = await turnsOfDrain(200, 400, (index) => {
      if (index === 0) block(250);
    });
    expect(turns.reduce((sum, each) => sum + each)).toBe(200);
    // The first ones, and when half of the grace has passed at once all others.
    expect(turns).toHaveLength(2);
  });
});

/** More than the kernel takes off a process, and long enough on its way at the pace of the client. */
const LONG_END = 32 * 1024 * 1024;
const BYTES_PER_MS = 3_500;

describe('a stream that has ended', () => {
  let server: Server;
  let viewers: Viewers;
  beforeAll(async () => {
    ({ viewers } = openStreams(0, 1_000));
    viewers.start();
    server = createServer((_request, response) => follow(response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    await viewers.stop();
  });

  function follow(response: ServerResponse): void {
    const stream = viewers.open({ ...REQUEST, response }, (viewer) => {
      response.write(Buffer.alloc(LONG_END));
      viewer.end();
      return () => undefined;
    });
    stream.subscribe({ complete: () => response.end() });
  }

  async function open(): Promise<IncomingMessage> {
    const { port } = server.address() as AddressInfo;
    const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [
      IncomingMessage,
    ];
    return response;
  }

  it('is read to its end by a client that reads slowly', async () => {
    let read = 0;
    for await (const chunk of (await open()) as AsyncIterable<Buffer>) {
      read += chunk.length;
      await delay(chunk.length / BYTES_PER_MS);
    }

    expect(read).toBe(LONG_END);
  }, 60_000);
});
