// node test/conformance/storm.mjs [--jobs 60] [--viewers 3] [--seed N] [--adapter fastify]: watches jobs through two
// API processes and two workers of the built service (npm run build) while a script restarts the APIs, closes the
// subscribers' connections and restarts Redis, and the viewers leave and come back at random. Every frame is checked.
import { register } from 'node:module';
import { parseArgs } from 'node:util';

// The lab of the fault tests is TypeScript.
register('../chaos/typescript.mjs', import.meta.url);

const { Lab, Servers } = await import('../faults/lab/lab.ts');
const { Random } = await import('../chaos/random.ts');
const { Fleet } = await import('./storm/fleet.mjs');
const { Load } = await import('./storm/load.mjs');
const { Weather } = await import('./storm/weather.mjs');

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '60' },
    viewers: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    adapter: { type: 'string', default: 'fastify' },
  },
});

process.exitCode = await main();

async function main() {
  const [jobs, viewers, seed] = [values.jobs, values.viewers, values.seed].map(Number);
  if (!(jobs > 0) || !(viewers > 0) || !Number.isSafeInteger(seed)) {
    print(
      'Usage: node test/conformance/storm.mjs [--jobs 60] [--viewers 3] [--seed N] [--adapter fastify|express]',
    );
    return 2;
  }
  print(`seed ${seed}: ${jobs} jobs × ${viewers} viewers on ${values.adapter}`);
  const servers = await Servers.start();
  const lab = await Lab.open(servers);
  try {
    return await storm(lab, { jobs, viewers, seed, adapter: values.adapter });
  } finally {
    await lab.close();
    await servers.stop();
  }
}

async function storm(lab, { jobs, viewers, seed, adapter }) {
  const started = Date.now();
  const fleet = await Fleet.start(lab, adapter);
  // Weather and load draw from sources of their own, as their order against each other is not repeatable.
  const weather = new Weather(lab, fleet, new Random(seed));
  const load = new Load(fleet, lab.token, new Random(seed + 1), viewers);
  const stormy = weather.blow();
  await load.run(jobs);
  weather.calm();
  await stormy;
  await load.verify();
  const problems = [...load.problems, ...fleet.surprises];
  for (const problem of problems.slice(0, 30)) print(problem);
  print(`weather: ${countsOf(weather.counts)}`);
  print(`frames: ${countsOf(load.frames)}`);
  print(`connections: ${countsOf(load.connections)}`);
  print(
    `${load.jobs} jobs, ${load.viewers} viewers in ${Math.round((Date.now() - started) / 1_000)} s, seed ${seed}`,
  );
  print(`${load.viewers - load.broken} passed, ${load.broken} failed, ${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

function countsOf(counts) {
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
