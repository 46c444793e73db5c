import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { Caller } from '../../src/access/caller.ts';
import type { RevocationWatch } from '../../src/access/revocation-watch.ts';
import { resolveOptions } from '../../src/jobs.options.ts';
import type { StreamResponse } from '../../src/stream/stream-http.ts';
import { Viewers } from '../../src/stream/viewers.ts';

/** A response whose client never reads to its end. */
class StalledResponse extends EventEmitter {
  closed = false;
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const NEVER_REVOKED = { watch: () => ({ stop: () => undefined, isRevoked: () => false }) };
const CALLER = { tenant: 'acme', subject: 'alice', scopes: [], expiresAt: null };

const ISSUER = { secret: 'x'.repeat(32), issuer: 'issuer', audience: 'audience' };

/** Streams of a process that ends within the grace; `onBye` is called with the number of each that is told. */
function openStreams(
  count: number,
  shutdownGraceMs: number,
  onBye: (index: number) => void = () => undefined,
) {
  const options = resolveOptions({ redis: 'redis://unused', jwt: ISSUER, shutdownGraceMs });
  const viewers = new Viewers(options, NEVER_REVOKED as unknown as RevocationWatch);
  const responses = Array.from({ length: count }, (_response, index) => {
    const response = new StalledResponse();
    const request = {
      response: response as unknown as StreamResponse,
      socket: {},
      cursor: '1.0',
      heartbeat: 'comment',
      caller: CALLER as unknown as Caller,
      job: null,
      mayStay: () => true,
    } as const;
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
  await viewers.drain().finally(() => clearInterval(counting));
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
    await viewers.drain();
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
