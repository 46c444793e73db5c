// npm run test:chaos: breaks things at random against the built module.
// The runner is TypeScript like all tests; Node 20 needs it translated on the way in.
import { register } from 'node:module';
import { ensureBuilt } from '../../scripts/built.mjs';
import { readArguments, refuse } from '../../scripts/command-line.mjs';

const HELP = `Usage: npm run test:chaos [-- [--seed <whole number>] [--minutes <number>]]

Breaks processes, Redis and Postgres at random while jobs run, and accounts for every job in the end. Starts its own
servers. Runs what is built.

Options
  --seed      of what is drawn by chance; it is printed (a random one)
  --minutes   how long things are broken (1)
  --help      says this

Example
  npm run test:chaos -- --seed 7 --minutes 5
`;

const { values } = readArguments({
  help: HELP,
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    minutes: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isSafeInteger(seed)) refuse('--seed must be a whole number.', HELP);
if (!(minutes > 0)) refuse('--minutes must be a number above 0.', HELP);

ensureBuilt();
register('./typescript.mjs', import.meta.url);
const { main } = await import('./chaos.ts');
process.exitCode = await main(seed, minutes);
