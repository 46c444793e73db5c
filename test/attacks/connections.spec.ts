import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Adapter, ADAPTERS } from '../support/app.ts';
import { floodConnections } from './connection-flood.ts';
import { CONNECTIONS, print, SLOW_SOCKETS } from './limits.ts';
import { SlowSockets } from './slow-sockets.ts';
import { Victim } from './victim.ts';

const PER_ADAPTER = Math.ceil(CONNECTIONS / ADAPTERS.length);
/** 20 s for a request and 2 s between two checks, on a busy machine. */
const CUT_WITHIN_MS = 60_000;

describe('Connections that come to nothing', () => {
  const victims = new Map<Adapter, Victim>();
  beforeAll(async () => {
    for (const adapter of ADAPTERS) victims.set(adapter, await Victim.start(adapter));
  }, 180_000);
  afterAll(async () => {
    for (const victim of victims.values()) await victim.stop();
  });

  function victimOn(adapter: Adapter): Victim {
    const victim = victims.get(adapter);
    if (!victim) throw new Error(`No service runs on ${adapter}.`);
    return victim;
  }

  /** Runs one job after another until the attack is over; resolves to what became of them. */
  async function honestCallers(victim: Victim, attack: { over: boolean }): Promise<Set<string>> {
    const endings = new Set<string>();
    do endings.add(await victim.runsAJob());
    while (!attack.over);
    return endings;
  }

  it.each(ADAPTERS)(
    `%s serves honest callers through ${PER_ADAPTER} connections, and gives every descriptor back`,
    async (adapter) => {
      const victim = victimOn(adapter);
      await victim.runsAJob();
      const before = await victim.vitalSigns();
      const attack = { over: false };
      const started = Date.now();

      const flood = floodConnections(victim.url, PER_ADAPTER).finally(() => (attack.over = true));
      const [endings, refused] = await Promise.all([honestCallers(victim, attack), flood]);

      const seconds = ((Date.now() - started) / 1_000).toFixed(1);
      print(`${adapter}: ${PER_ADAPTER} connections, ${refused} refused, ${seconds} s`);
      expect(endings).toEqual(new Set(['completed']));
      expect(refused).toBe(0);
      const after = await victim.untilFdsReturn(before);
      print(`${adapter}: before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
    },
    60_000 + PER_ADAPTER * 20,
  );

  /** Keeps slow clients on a service until it has cut them all, or its time is over. */
  async function slowAttack(adapter: Adapter) {
    const victim = victimOn(adapter);
    const slow = new SlowSockets(victim.url, SLOW_SOCKETS);
    const until = Date.now() + CUT_WITHIN_MS;
    const attack = {
      get over() {
        return slow.open.length === 0 || Date.now() > until;
      },
    };
    try {
      const endings = await honestCallers(victim, attack);
      return { held: slow.open, statuses: slow.statuses, endings };
    } finally {
      slow.stop();
    }
  }

  it(
    `cuts ${SLOW_SOCKETS} clients on each adapter that send byte by byte, or nothing, and serves the others meanwhile`,
    async () => {
      const before = await Promise.all(ADAPTERS.map((adapter) => victimOn(adapter).vitalSigns()));
      const started = Date.now();

      const attacks = await Promise.all(ADAPTERS.map(slowAttack));

      print(`${SLOW_SOCKETS} slow sockets on each adapter cut within ${Date.now() - started} ms`);
      for (const { held, statuses, endings } of attacks) {
        expect(held).toEqual([]);
        expect(endings).toEqual(new Set(['completed']));
        expect(statuses).toMatchObject({ silent: '408', headers: '408', body: '408', chunks: '408' });
      }
      for (const [index, adapter] of ADAPTERS.entries())
        await victimOn(adapter).untilFdsReturn(before[index] ?? { fds: 0, memory: 0 });
    },
    CUT_WITHIN_MS + 60_000,
  );
});
