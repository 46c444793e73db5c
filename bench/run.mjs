// npm run bench: measures the built module beside a bare node:http loop.
import { register } from 'node:module';
import { ensureBuilt } from '../scripts/built.mjs';
import { requirePackages } from '../scripts/checkout.mjs';
import { readArguments, refuse } from '../scripts/command-line.mjs';

const HELP = `Usage: npm run bench [-- [--adapter fastify|express] [--viewers 1,100,…] [--memory 5000] [--repeat 3] [--seconds 1]
                         [--profile <folder>]]

Measures deliveries and memory of Jobstream beside a bare @Sse() route and a bare loop of node:http. Starts its own servers;
wants the machine for itself. Runs what is built.

Options
  --adapter   HTTP server of Nest: fastify or express (fastify)
  --viewers   open streams at which deliveries are measured, ascending (1,100,1000,5000); a server has a file descriptor
              for each
  --memory    open streams at which memory is measured; 0 leaves it out (5000)
  --repeat    how often everything is measured (3)
  --seconds   length of a round; each server has two of them in a repeat (1)
  --profile   a folder, where the servers write CPU profiles of their deliveries (none)
  --help      says this

Example
  npm run bench -- --viewers 1,100 --memory 0
`;

const { values } = readArguments({
  help: HELP,
  options: {
    adapter: { type: 'string', default: 'fastify' },
    viewers: { type: 'string', default: '1,100,1000,5000' },
    memory: { type: 'string', default: '5000' },
    repeat: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
    profile: { type: 'string' },
  },
});
requirePackages();
register('../test/chaos/typescript.mjs', import.meta.url);
const { readOptions } = await import('./options.ts');
let options;
try {
  options = readOptions(values);
} catch (error) {
  refuse(error.message, HELP);
}

ensureBuilt();
const { main } = await import('./main.ts');
process.exitCode = await main(options);
