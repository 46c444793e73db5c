// node test/conformance/storm.mjs [--jobs 60] [--viewers 3] [--feeds 4] [--seed N] [--adapter fastify] [--proxy nginx]
// Watches jobs of every kind through two API processes and two workers of the built service (npm run build), while
// processes, Redis and Postgres are killed and restarted, the subscribers' connections are closed all the time, and the
// viewers leave and come back at random. Every frame and every close is held against what Postgres says has happened.
import { register } from 'node:module';
import { parseArgs } from 'node:util';

// The lab of the fault tests is TypeScript.
register('../chaos/typescript.mjs', import.meta.url);

const { Lab, Servers } = await import('../faults/lab/lab.ts');
const { Random } = await import('../chaos/random.ts');
const { Caller } = await import('./storm/caller.mjs');
const { Fleet } = await import('./storm/fleet.mjs');
const { Load } = await import('./storm/load.mjs');
const { Outages } = await import('./storm/outages.mjs');
const { readTruth } = await import('./storm/truth.mjs');
const { Weather } = await import('./storm/weather.mjs');

const USAGE =
  'Usage: node test/conformance/storm.mjs [--jobs 60] [--viewers 3] [--feeds 4] [--window 60] [--seed N] [--adapter fastify|express] [--proxy nginx]';
const SHOWN_PROBLEMS = 30;
const PROGRESS_MS = 30_000;

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '60' },
    viewers: { type: 'string', default: '3' },
    feeds: { type: 'string', default: '4' },
    /** Jobs that are watched at a time. */
    window: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    adapter: { type: 'string', default: 'fastify' },
    proxy: { type: 'string' },
  },
});

process.exitCode = await main();

async function main() {
  const { adapter, proxy } = values;
  const numbers = Object.fromEntries(
    ['jobs', 'viewers', 'feeds', 'window', 'seed'].map((name) => [name, Number(values[name])]),
  );
  const wrong =
    Object.values(numbers).some((number) => !Number.isSafeInteger(number) || number < 0) ||
    !(numbers.jobs > 0 && numbers.viewers > 0 && numbers.window > 0) ||
    !['fastify', 'express'].includes(adapter) ||
    ![undefined, 'nginx'].includes(proxy);
  if (wrong) {
    print(USAGE);
    return 2;
  }
  const { jobs, viewers, feeds, seed } = numbers;
  print(
    `seed ${seed}: ${jobs} jobs × ${viewers} viewers, ${feeds} feeds on ${adapter}${proxy ? ` behind ${proxy}` : ''}`,
  );
  const servers = await Servers.start();
  // Where nginx keeps its files.
  process.env.TEST_FOLDER = servers.folder;
  const lab = await Lab.open(servers);
  try {
    return await storm(lab, { ...numbers, adapter, proxy });
  } finally {
    await lab.close();
    await servers.stop();
  }
}

async function storm(lab, options) {
  const started = Date.now();
  const outages = new Outages();
  const fleet = await Fleet.start(lab, outages, options);
  try {
    // Weather and load draw from sources of their own, as their order against each other is not repeatable.
    const weather = new Weather(lab, fleet, outages, new Random(options.seed));
    const random = new Random(options.seed + 1);
    const load = new Load(new Caller(fleet, lab.token, random), random);
    const progress = setInterval(() => print(`… ${load.progress}`), PROGRESS_MS);
    const stormy = weather.blow();
    await load.run(options).finally(() => clearInterval(progress));
    weather.calm();
    await stormy;
    await load.judge(await readTruth(lab.ledger), outages, fleet);
    return report(load, outages, [...fleet.surprises, ...load.problems], Date.now() - started);
  } finally {
    await fleet.stop();
  }
}

function report(load, outages, problems, tookMs) {
  for (const problem of problems.slice(0, SHOWN_PROBLEMS)) print(problem);
  const kinds = new Map();
  for (const { kind } of load.stories) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  print(`weather: ${countsOf(outages.counts)}`);
  print(`jobs: ${countsOf(kinds)}`);
  for (const ofFeeds of [false, true]) {
    const { frames, connections } = load.counts(ofFeeds);
    print(
      `${ofFeeds ? 'feeds' : 'viewers'}: frames: ${countsOf(frames)}; connections: ${countsOf(connections)}`,
    );
  }
  print(
    `${load.stories.length} jobs, ${load.viewers.length} viewers, ${load.feeds.length} feeds, ` +
      `${Math.round(tookMs / 1_000)} s, seed ${values.seed}: ${problems.length} problems`,
  );
  return problems.length === 0 ? 0 : 1;
}

function countsOf(counts) {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const parts = [...counts].toSorted(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`);
  return `${total} (${parts.join(', ')})`;
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
