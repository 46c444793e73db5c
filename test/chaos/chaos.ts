import { setTimeout as delay } from 'node:timers/promises';
import { Lab, Servers } from '../faults/lab/lab.ts';
import { problemsOf } from '../faults/lab/ledger.ts';
import { PROCESS_FAULTS, SERVER_FAULTS, type Setting } from './faults.ts';
import { Fleet } from './fleet.ts';
import { Load } from './load.ts';
import { Random } from './random.ts';

/** By then everything must have ended after the last fault was mended. */
const QUIET_MS = 30_000;
/** A run that accepted fewer jobs than these a minute has shown nothing. */
const LEAST_PER_MINUTE = 200;
const OUTAGE_MS = 20_000;

/** Breaks things for so many minutes; resolves to the exit code. */
export async function main(seed: number, minutes: number): Promise<number> {
  print(`seed ${seed}, ${minutes} min`);
  const servers = await Servers.start();
  const lab = await Lab.open(servers);
  try {
    return (await run(lab, seed, minutes)) ? 0 : 1;
  } finally {
    await lab.close();
    await servers.stop();
  }
}

async function run(lab: Lab, seed: number, minutes: number): Promise<boolean> {
  const fleet = await Fleet.start(lab, ['api', 'api', 'worker', 'worker', 'worker']);
  // Faults and load draw from sources of their own, as their order against each other is not repeatable.
  const random = new Random(seed);
  const load = new Load(lab, fleet, new Random(seed + 1));
  const setting = { lab, fleet, random, longestOutageMs: Math.min(OUTAGE_MS, minutes * 6_000) };
  const faults = await breakThings(setting, Date.now() + minutes * 60_000);
  await lab.servers.mend();
  await load.stop();
  await fleet.heal();
  const quietAfter = await quietWithin(lab);
  const { accepted } = lab;
  print(
    `${accepted.size} jobs accepted, ${load.refused} refused, ${load.cancels} cancels, ${load.retries} retries by hand`,
  );
  print(`${faults} faults; quiet ${quietAfter} ms after the last; ${lab.viewers.length} viewers`);
  return (await report(lab, fleet)) && enough(accepted.size, minutes);
}

/** Breaks and mends until the time is over; resolves to the number of faults. */
async function breakThings(setting: Setting, until: number): Promise<number> {
  const { random } = setting;
  const started = Date.now();
  let count = 0;
  while (Date.now() < until) {
    await delay(random.integer(500, 3_000));
    const kinds = random.pick([[PROCESS_FAULTS], [SERVER_FAULTS], [PROCESS_FAULTS, SERVER_FAULTS]]);
    const done = await Promise.all(kinds.map((faults) => random.pick(faults)(setting)));
    count += done.length;
    print(`${((Date.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${done.join(' + ')}`);
  }
  return count;
}

async function quietWithin(lab: Lab): Promise<number> {
  const started = Date.now();
  // What has not ended by then is what the report names as stuck.
  await lab.quiet(QUIET_MS).catch(() => undefined);
  const ended = lab.viewers.map((viewer) => viewer.untilEnded(10_000).catch(() => undefined));
  await Promise.all(ended);
  return Date.now() - started;
}

async function report(lab: Lab, fleet: Fleet): Promise<boolean> {
  const audit = await lab.ledger.audit(lab.accepted);
  const problems = [...(await lab.problems()), ...fleet.surprises];
  for (const problem of problems.slice(0, 50)) print(problem);
  const others = problems.length - problemsOf(audit).length;
  print(
    `side effects repeated ${audit.repeatedEffects.length}, wrong ${audit.wrong.length}, other complaints ${others}`,
  );
  print(
    `lost ${audit.lost.length}, finished twice ${audit.finishedTwice.length}, stuck ${audit.stuck.length}`,
  );
  return problems.length === 0;
}

function enough(accepted: number, minutes: number): boolean {
  const least = Math.floor(LEAST_PER_MINUTE * minutes);
  if (accepted < least)
    print(`Only ${accepted} jobs were accepted; with fewer than ${least} the run shows nothing.`);
  return accepted >= least;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
