import { setImmediate as turn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Events } from '../../src/events/events.ts';
import { CHANGES, type Fact } from '../../src/events/facts.ts';
import { collectedLog, loggedUnder } from '../support/collected-log.ts';
import { aJob } from '../support/jobs.ts';

const UNPUBLISHED: Fact = { name: 'unpublished', messages: 1 };
const JOBS = [{ job: aJob(), reason: 'test', actor: null }];

/** Ways in which a listener may fail at every fact. */
const FAILING: Record<string, (messages: number) => unknown> = {
  'throws an error': (messages) => {
    throw new Error(`fact ${messages}`);
  },
  'throws what is no error': (messages) => {
    // oxlint-disable-next-line typescript/only-throw-error -- hosts do
    throw messages === 1 ? null : `fact ${messages}`;
  },
  rejects: async (messages) => Promise.reject(new Error(`fact ${messages}`)),
  'rejects later': async (messages) => {
    await turn();
    throw new Error(`fact ${messages}`);
  },
  'answers a thenable that throws': () => ({
    // oxlint-disable-next-line unicorn/no-thenable -- hosts have such promises
    then: () => {
      throw new Error('then');
    },
  }),
};

const unhandled: unknown[] = [];
const noteUnhandled = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => {
  Logger.overrideLogger(collectedLog);
  process.on('unhandledRejection', noteUnhandled);
});
afterAll(() => void process.off('unhandledRejection', noteUnhandled));

/** Lines about failing listeners since the last call. */
function complaints(): string[] {
  const lines = loggedUnder('Jobstream events');
  const fresh = lines.slice(complaintsSeen);
  complaintsSeen = lines.length;
  return fresh;
}
let complaintsSeen = 0;

describe('a fact', () => {
  it('is told to those who listen to its name, in the order in which they came', () => {
    const events = new Events();
    const told: string[] = [];
    events.on('unpublished', ({ messages }) => told.push(`first ${messages}`));
    events.on('found', () => told.push('never'));
    events.on('unpublished', ({ messages }) => told.push(`second ${messages}`));
    events.tell({ name: 'unpublished', messages: 3 });
    expect(told).toEqual(['first 3', 'second 3']);
  });

  it('is told to one who listens to several names, with its own', () => {
    const events = new Events();
    const told: string[] = [];
    events.on(CHANGES, ({ name, jobs }) => told.push(`${name} ${jobs.length}`));
    for (const name of CHANGES) events.tell({ name, jobs: JOBS });
    expect(told).toEqual(['submitted 1', 'claimed 1', 'settled 1', 'requeued 1']);
  });

  it('is told to nobody where it is of no job', () => {
    const events = new Events();
    let told = 0;
    events.on(CHANGES, () => (told += 1));
    events.tell({ name: 'settled', jobs: [] });
    expect(told).toBe(0);
  });

  it('is told no more to one who has stopped listening, and still to others, even in the middle of it', () => {
    const events = new Events();
    const told: string[] = [];
    const stop = events.on(['unpublished', 'found'], () => {
      told.push('once');
      stop();
    });
    events.on('unpublished', () => told.push('always'));
    events.tell(UNPUBLISHED);
    events.tell(UNPUBLISHED);
    events.tell({ name: 'found', jobs: [aJob()] });
    expect(told).toEqual(['once', 'always', 'always']);
  });
});

describe('a listener that fails', () => {
  it('harms neither the others nor who tells, is told on, and complained of once', async () => {
    const way = fc.constantFrom('works', ...Object.keys(FAILING));
    const scenario = fc.tuple(fc.array(way, { maxLength: 8 }), fc.integer({ min: 1, max: 12 }));
    await fc.assert(
      fc.asyncProperty(scenario, async ([ways, facts]) => {
        const events = new Events();
        const heard = ways.map((name) => {
          const numbers: number[] = [];
          events.on('unpublished', ({ messages }) => {
            numbers.push(messages);
            return FAILING[name]?.(messages);
          });
          return numbers;
        });
        complaints();
        const all = Array.from({ length: facts }, (_fact, index) => index + 1);
        for (const messages of all) events.tell({ name: 'unpublished', messages });
        for (let turns = 0; turns < 4; turns += 1) await turn();

        expect(heard).toEqual(ways.map(() => all));
        expect(complaints()).toHaveLength(ways.filter((name) => name !== 'works').length);
        expect(unhandled).toEqual([]);
      }),
    );
  });

  it('is named by its fact and its error, without a message that may hold a payload', () => {
    const events = new Events();
    events.on('unpublished', () => {
      throw new TypeError('secret of a payload');
    });
    complaints();
    events.tell(UNPUBLISHED);
    expect(complaints()).toEqual([expect.stringContaining('A listener of "unpublished" failed')]);
    expect(loggedUnder('Jobstream events').at(-1)).toContain('TypeError');
    expect(loggedUnder('Jobstream events').at(-1)).not.toContain('secret');
  });
});
