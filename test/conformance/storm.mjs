// node test/conformance/storm.mjs [--jobs 60] …: --help has the options.
// Watches jobs of every kind through two API processes and two workers of the built service, while
// processes, Redis and Postgres are killed and restarted, the subscribers' connections are closed all the time, and the
// viewers leave and come back at random. Every frame and every close is held against what Postgres says has happened.
import { register } from 'node:module';
import { ensureBuilt } from '../../scripts/built.mjs';
import { readArguments, refuse } from '../../scripts/command-line.mjs';

const HELP = `Usage: node test/conformance/storm.mjs [--jobs 60] [--viewers 3] [--feeds 4] [--window 60] [--seed N]
                                     [--adapter fastify|express] [--proxy nginx]

Watches jobs of every kind while processes, Redis and Postgres are killed and restarted, and holds every frame and every
close against what Postgres says has happened. Starts its own servers. Runs what is built.

Options
  --jobs      how many are run (60)
  --viewers   of each job (3)
  --feeds     of many jobs (4)
  --window    jobs that are watched at a time (60)
  --seed      of what is drawn by chance; it is printed (a random one)
  --adapter   HTTP server of Nest: fastify or express (fastify)
  --proxy     nginx: viewers come through it (none)
  --help      says this

Example
  node test/conformance/storm.mjs --jobs 1000 --seed 7
`;
const SHOWN_PROBLEMS = 30;
const PROGRESS_MS = 30_000;

const { values } = readArguments({
  help: HELP,
  options: {
    jobs: { type: 'string', default: '60' },
    viewers: { type: 'string', default: '3' },
    feeds: { type: 'string', default: '4' },
    window: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    adapter: { type: 'string', default: 'fastify' },
    proxy: { type: 'string' },
  },
});
const options = readOptions();
ensureBuilt();

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

process.exitCode = await main();

function readOptions() {
  const { adapter, proxy } = values;
  const numbers = Object.fromEntries(
    ['jobs', 'viewers', 'feeds', 'window', 'seed'].map((name) => [name, Number(values[name])]),
  );
  for (const [name, number] of Object.entries(numbers)) {
    const least = ['feeds', 'seed'].includes(name) ? 0 : 1;
    if (!Number.isSafeInteger(number) || number < least)
      refuse(`--${name} must be a whole number from ${least}.`, HELP);
  }
  if (!['fastify', 'express'].includes(adapter)) refuse('--adapter must be fastify or express.', HELP);
  if (![undefined, 'nginx'].includes(proxy)) refuse('--proxy must be nginx.', HELP);
  return { ...numbers, adapter, proxy };
}

async function main() {
  const { jobs, viewers, feeds, seed, adapter, proxy } = options;
  print(
    `seed ${seed}: ${jobs} jobs × ${viewers} viewers, ${feeds} feeds on ${adapter}${proxy ? ` behind ${proxy}` : ''}`,
  );
  const servers = await Servers.start();
  // Where nginx keeps its files.
  process.env.TEST_FOLDER = servers.folder;
  const lab = await Lab.open(servers);
  try {
    return await storm(lab);
  } finally {
    await lab.close();
    await servers.stop();
  }
}

async function storm(lab) {
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
