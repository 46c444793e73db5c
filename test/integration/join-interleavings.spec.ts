import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { runJoin } from '../support/join/explore.ts';
import { JOINS } from '../support/join/joins.ts';
import { RealBackend } from '../support/join/real-backend.ts';
import { TestModule } from '../support/module.ts';

const RUNS = Number(process.env['JOIN_RUNS'] ?? 60);
const SEED = Number(process.env['JOIN_SEED'] ?? 20_260);
const FAULTS = { lose: 2, double: 2, break: 1, leave: 2, tick: 2 };

describe('A viewer that joins a living job, on Postgres and Redis,', () => {
  let module: TestModule;
  beforeAll(async () => {
    module = await TestModule.start({ options: { roles: ['api'] } });
  });
  afterAll(async () => {
    await module.close();
  });

  it('sees all of it, once and in order, however reads, messages and faults interleave', async () => {
    const endings = fc.constantFrom('lost' as const, 'delivered' as const);
    const choices = fc.array(fc.nat(10_000), { minLength: 5, maxLength: 25 });
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...JOINS), endings, choices, async (join, messages, chosen) => {
        const left = [...chosen];
        const choose = (count: number): number | null => {
          const next = left.shift();
          return next === undefined ? null : next % count;
        };
        const backend = await RealBackend.open(module);
        expect(
          await runJoin(backend, { ...join, faults: FAULTS }, messages, choose, (name) =>
            kinds.add(kindOf(name)),
          ),
        ).toBeNull();
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    // A sample in which no message ever came would prove little.
    expect([...kinds]).toEqual(expect.arrayContaining(KINDS));
  }, 120_000);
});

/** What has to have happened in the sample, whatever its seed. */
const KINDS = [
  'nudge arrives',
  'frame arrives',
  'nudge is lost',
  'frame is lost',
  'connection breaks',
  'viewer leaves',
];

/** The name of a happening without the message that it is about. */
function kindOf(name: string): string {
  return name.replace(/^!\d+/, 'nudge').replace(/^\d+\.\d+/, 'frame');
}
