import { describe, expect, it } from '@jest/globals';
import { explore, runJoin } from '../support/join/explore.ts';
import { JOINS } from '../support/join/joins.ts';
import { MemoryBackend } from '../support/join/memory-backend.ts';
import type { JoinScenario } from '../support/join/life.ts';

/** Choices that are exhausted before everything is let happen; each costs about four times as many runs. */
const DEPTH = Number(process.env['JOIN_DEPTH'] ?? 4);

async function exploreAll(faults: JoinScenario['faults']): Promise<number> {
  let interleavings = 0;
  for (const [index, join] of JOINS.entries()) {
    const scenario = { ...join, faults };
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
