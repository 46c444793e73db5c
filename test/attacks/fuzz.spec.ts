import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS } from '../support/app.ts';
import type { WireAnswer } from '../support/wire.ts';
import { attackWith } from './attacker.ts';
import { fuzz } from './fuzz.ts';
import { type FuzzedRequest, ROUTE_NAMES } from './fuzzed-requests.ts';
import { print, REQUESTS, SEED } from './limits.ts';
import { MARKER, Victim } from './victim.ts';

const PER_ADAPTER = Math.ceil(REQUESTS / ADAPTERS.length);
const TIMEOUT_MS = 60_000 + PER_ADAPTER * 50;
/** More than a Node process that worked hard keeps, less than what a leak of 1 % of the requests' bodies would hold. */
const MEMORY_MIB = 200;
/** With so many, every route has been asked for what it is there for in a way that it takes. */
const ENOUGH = 20_000;
/** Node reads no longer heads, and may reset whoever still sends one. */
const LONGEST_HEAD = 16 * 1_024;

/** What is wrong with an answer to a caller who may see nothing foreign; null when nothing is. */
function wrongWith(
  { status, head, body }: WireAnswer,
  { bytes, method, broken }: FuzzedRequest,
): string | null {
  if (status === 0) return broken || bytes.indexOf('\r\n\r\n') > LONGEST_HEAD ? null : 'No answer';
  if (status >= 500) return `A fault of the server: ${status}`;
  if (head.includes(MARKER) || body.includes(MARKER)) return 'A foreign byte';
  if (/^x-injected:/im.test(head)) return 'A header of the client';
  if (/node_modules|\/src\/|\.js:\d+/.test(body) && status >= 400) return 'An inside of the server';
  const mustExplain = status >= 400 && method !== 'HEAD' && !isNodesOwn(head);
  return mustExplain && !isError(status, body) ? 'An error that is not of the documented shape' : null;
}

/** Node answers a request of HTTP/1.1 without a Host by itself, without a body. */
function isNodesOwn(head: string): boolean {
  return head.startsWith('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nDate:');
}

function isError(status: number, body: string): boolean {
  try {
    const { statusCode, error, message, code } = JSON.parse(body) as Record<string, unknown>;
    return (
      statusCode === status && [error, message, code].every((text) => typeof text === 'string' && text !== '')
    );
  } catch {
    return false;
  }
}

describe.each(ADAPTERS)('A flood of strange requests on %s', (adapter) => {
  let victim: Victim;
  beforeAll(async () => {
    victim = await Victim.start(adapter);
  }, 180_000);
  afterAll(() => victim.stop());

  /** Others read their jobs all the time: what is looked up for several callers at once must not be mixed up. */
  async function foreigners(attack: { over: boolean }): Promise<string[]> {
    const withoutMarker: string[] = [];
    do withoutMarker.push(...(await victim.foreignersRead()));
    while (!attack.over);
    return withoutMarker;
  }

  it(
    `answers ${PER_ADAPTER} of them without a fault, a foreign byte or an unexplained refusal, and goes on`,
    async () => {
      const ingredients = await attackWith(victim.url, victim.foreignIds);
      expect(await victim.runsAJob()).toBe('completed');
      const before = await victim.vitalSigns();
      const started = Date.now();

      const attack = { over: false };
      const options = { requests: PER_ADAPTER, seed: SEED, check: wrongWith };
      const flood = fuzz(victim.url, ingredients, options).finally(() => (attack.over = true));
      const [outcome, withoutMarker] = await Promise.all([flood, foreigners(attack)]);

      const seconds = ((Date.now() - started) / 1_000).toFixed(1);
      print(
        `${adapter}: ${outcome.sent} fuzzed requests, seed ${SEED}, ${seconds} s, ${JSON.stringify(outcome.statuses)}`,
      );
      expect(outcome.violations.slice(0, 5)).toEqual([]);
      expect(withoutMarker).toEqual([]);
      expect(outcome.sent).toBe(PER_ADAPTER);
      expect([...outcome.byRoute.keys()].toSorted()).toEqual(ROUTE_NAMES.toSorted());
      if (PER_ADAPTER >= ENOUGH) expect(neverTaken(outcome.byRoute)).toEqual([]);
      // Without these, it was not the service that was tested.
      for (const status of [200, 201, 202, 400, 401, 404])
        expect(outcome.statuses[status]).toBeGreaterThan(0);
      expect(await victim.runsAJob('honest-later')).toBe('completed');
      const after = await victim.untilFdsReturn(before);
      print(`${adapter}: before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
      expect(after.memory).toBeLessThan(before.memory + MEMORY_MIB);
      expect(victim.service.stderr).toBe('');
    },
    TIMEOUT_MS,
  );
});

function neverTaken(byRoute: ReadonlyMap<string, ReadonlySet<number>>): string[] {
  return [...byRoute].filter(([, statuses]) => Math.min(...statuses) >= 300).map(([route]) => route);
}
