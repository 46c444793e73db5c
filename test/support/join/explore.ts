import { problemOf } from './invariants.ts';
import type { JoinBackend, JoinScenario } from './life.ts';
import { JoinWorld } from './world.ts';

/** Picks one of so many; null when there is nothing left to decide. */
export type Choose = (count: number) => number | null;

export interface Explored {
  interleavings: number;
  problems: string[];
}

/** So many are enough to see what is wrong. */
const MAX_PROBLEMS = 3;

/** Runs once for every sequence of at most `depth` choices that there is. */
export async function explore(
  depth: number,
  run: (choose: Choose) => Promise<string | null>,
): Promise<Explored> {
  const explored: Explored = { interleavings: 0, problems: [] };
  const taken: number[] = [];
  const counts: number[] = [];
  do {
    let step = 0;
    const problem = await run((count) => {
      if (step === depth) return null;
      counts[step] = count;
      return (taken[step++] ??= 0);
    });
    explored.interleavings += 1;
    if (problem) explored.problems.push(problem);
    taken.length = step;
    while (taken.length > 0 && lastOf(taken) + 1 === counts[taken.length - 1]) taken.pop();
    if (taken.length > 0) taken[taken.length - 1] = lastOf(taken) + 1;
  } while (taken.length > 0 && explored.problems.length < MAX_PROBLEMS);
  return explored;
}

/**
 * One interleaving of a scenario: what is chosen, then quiet and a backstop, then the rest of the job's life with
 * every message lost and a backstop. Answers what is wrong at either point;
 * `happened` is told what was chosen.
 */
export async function runJoin(
  backend: JoinBackend,
  scenario: JoinScenario,
  messages: 'lost' | 'delivered',
  choose: Choose,
  happened: (name: string) => void = () => undefined,
): Promise<string | null> {
  const world = new JoinWorld(backend, scenario);
  try {
    await world.begin();
    for (;;) {
      const possible = world.possible();
      const choice = possible.length > 0 ? choose(possible.length) : null;
      const next = choice === null ? undefined : possible[choice];
      if (!next) break;
      await world.act(next);
      happened(next.name);
    }
    await world.quiet(messages);
    const problem = problemOf(world);
    if (problem) return problem;
    await world.untilEnd();
    await world.quiet('lost');
    return problemOf(world);
  } finally {
    world.close();
  }
}

function lastOf(taken: number[]): number {
  return taken.at(-1) ?? 0;
}
