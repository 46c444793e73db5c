import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, LATER, type Submitted } from '../support/app.ts';
import { send } from '../support/http.ts';
import { signToken } from '../support/tokens.ts';
import type { WireAnswer } from '../support/wire.ts';
import { fuzz } from './fuzz.ts';
import { print, REQUESTS, SEED } from './limits.ts';
import { MARKER, Victim } from './victim.ts';

const PER_ADAPTER = Math.ceil(REQUESTS / ADAPTERS.length);
const TIMEOUT_MS = 60_000 + PER_ADAPTER * 50;
/** More than a Node process that worked hard keeps, less than what a leak of 1 % of the requests' bodies would hold. */
const MEMORY_MIB = 200;

/** What is wrong with an answer to a caller who may see nothing foreign; null when nothing is. */
function wrongWith({ status, head, body }: WireAnswer, method: string): string | null {
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

  async function ownJobs(): Promise<Submitted[]> {
    const token = await signToken();
    const body = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER, tags: ['shared'] };
    const submit = () => send(`${victim.url}/jobs`, { method: 'POST', token, body });
    return (await Promise.all(Array.from({ length: 6 }, submit))).map((answer) => answer.json<Submitted>());
  }

  async function credentials(own: Submitted[]): Promise<string[]> {
    const tokens = await Promise.all([
      signToken(),
      signToken({ scope: 'jobs:read jobs:write jobs:tenant' }),
      signToken({ scope: 'jobs:read' }),
      signToken({ subject: 'bob' }),
      signToken({ expiresIn: -3_600 }),
      signToken({ secret: 'another secret of thirty-two bytes or more' }),
      signToken({ issuer: 'https://elsewhere.test' }),
    ]);
    const [{ viewer } = { viewer: { token: '' } }] = own;
    const bearer = [...tokens, viewer.token, 'jsk_none_at_all', 'a.b.c'].map((token) => `Bearer ${token}`);
    return [...bearer, '', 'Basic YTpi', 'Bearer', `bearer  ${tokens[0]}`];
  }

  it(
    `answers ${PER_ADAPTER} of them without a fault, a foreign byte or an unexplained refusal, and goes on`,
    async () => {
      const own = await ownJobs();
      expect(await victim.runsAJob()).toBe('completed');
      const before = await victim.vitalSigns();
      const ingredients = {
        ids: own.map(({ job }) => job.id),
        foreignIds: victim.foreignIds,
        credentials: await credentials(own),
      };
      const started = Date.now();

      const outcome = await fuzz(victim.url, ingredients, {
        requests: PER_ADAPTER,
        seed: SEED,
        check: wrongWith,
      });

      const seconds = ((Date.now() - started) / 1_000).toFixed(1);
      print(
        `${adapter}: ${outcome.sent} fuzzed requests, seed ${SEED}, ${seconds} s, ${JSON.stringify(outcome.statuses)}`,
      );
      expect(outcome.violations.slice(0, 5)).toEqual([]);
      expect(outcome.sent).toBe(PER_ADAPTER);
      // Without these, it was not the service that was tested.
      for (const status of [200, 202, 400, 401, 404]) expect(outcome.statuses[status]).toBeGreaterThan(0);
      expect(await victim.runsAJob('honest-later')).toBe('completed');
      const after = await victim.untilFdsReturn(before);
      print(`${adapter}: before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
      expect(after.memory).toBeLessThan(before.memory + MEMORY_MIB);
      expect(victim.service.stderr).toBe('');
    },
    TIMEOUT_MS,
  );
});
