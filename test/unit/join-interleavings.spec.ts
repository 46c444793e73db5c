import { describe, expect, it } from '@jest/globals';
import { explore, runJoin } from '../support/join/explore.ts';
import { MemoryBackend } from '../support/join/memory-backend.ts';
import type { JoinScenario, LifeStep } from '../support/join/world.ts';

const PLAIN: LifeStep[] = ['claim', 'progress', 'progress', 'complete'];
const SAVED: LifeStep[] = ['claim', 'progress', 'save', 'progress', 'complete'];
const RETRIED: LifeStep[] = ['claim', 'progress', 'requeue', 'claim', 'progress', 'complete'];
const BY_HAND: LifeStep[] = ['claim', 'progress', 'fail', 'retry', 'claim', 'complete'];
const LOGGED: LifeStep[] = ['claim', 'progress', 'log', 'progress', 'log', 'complete'];

/** The viewers that come while the job lives: where it is then, and what they have. */
const VIEWERS: [life: LifeStep[], before: number, cursor: string][] = [
  [PLAIN, 0, ''],
  [PLAIN, 1, '1.0'],
  [SAVED, 2, '2.0'],
  [SAVED, 3, ''],
  [RETRIED, 2, '2.1'],
  [RETRIED, 1, '1.0'],
  [BY_HAND, 2, '1.0'],
  [BY_HAND, 3, '2.0'],
  [LOGGED, 2, ''],
  [LOGGED, 3, '2.0'],
];
/** Choices that are exhausted before everything is let happen; each costs about four times as many runs. */
const DEPTH = Number(process.env['JOIN_DEPTH'] ?? 4);

async function exploreAll(faults: JoinScenario['faults']): Promise<number> {
  let interleavings = 0;
  for (const [index, [life, before, cursor]] of VIEWERS.entries()) {
    const scenario = { life, before, cursor, logs: life === LOGGED, faults };
    const messages = index % 2 === 0 ? 'lost' : 'delivered';
    const explored = await explore(DEPTH, (choose) =>
      runJoin(new MemoryBackend(), scenario, messages, choose),
    );
    expect(explored.problems).toEqual([]);
    interleavings += explored.interleavings;
  }
  return interleavings;
}

describe('a viewer that joins a living job sees all of it, once and in order', () => {
  it.each<[string, JoinScenario['faults']]>([
    ['nudges and frames are lost or come twice', { lose: 1, double: 1 }],
    ['the subscription breaks and comes back', { break: 1, lose: 1 }],
    ['the viewer leaves and comes back', { leave: 2 }],
    ['the backstop looks in between', { tick: 2, lose: 1 }],
  ])(
    'whenever %s',
    async (_when, faults) => {
      // Fewer would mean that something can no longer happen.
      expect(await exploreAll(faults)).toBeGreaterThan(2_000);
    },
    240_000,
  );
});
