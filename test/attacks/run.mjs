// `npm run test:attacks`: the attack suite with its floods in full, about five minutes.
import { spawn } from 'node:child_process';
import { ensureBuilt } from '../../scripts/built.mjs';
import { readArguments, refuse } from '../../scripts/command-line.mjs';

const HELP = `Usage: npm run test:attacks [-- [--requests 100000] [--connections 50000] [--slow-sockets 400] [--seed N] [<pattern> …]]

Runs the attack suite with its floods in full, about five minutes, or the files whose names match a pattern. Starts its own
servers. Runs what is built.

Options
  --requests       made-up requests of the fuzzer (100000)
  --connections    of the flood (50000)
  --slow-sockets   that are held open (400)
  --seed           of what is drawn by chance; it is printed (a random one)
  --help           says this

What follows a further -- goes to Jest.

Example
  npm run test:attacks -- --requests 1000 --seed 7 fuzz
`;

const { values, operands } = readArguments({
  help: HELP,
  options: {
    requests: { type: 'string', default: '100000' },
    connections: { type: 'string', default: '50000' },
    'slow-sockets': { type: 'string', default: '400' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
  operands: null,
});
for (const [name, value] of Object.entries(values))
  if (!/^\d{1,9}$/.test(value)) refuse(`--${name} must be a whole number.`, HELP);

ensureBuilt();
const env = {
  ...process.env,
  ATTACK_REQUESTS: values.requests,
  ATTACK_CONNECTIONS: values.connections,
  ATTACK_SLOW_SOCKETS: values['slow-sockets'],
  ATTACK_SEED: values.seed,
};
console.log(
  `${values.requests} requests, ${values.connections} connections, ${values['slow-sockets']} slow sockets, seed ${values.seed}`,
);
// One suite at a time: the floods count what the service holds, and need the machine.
const jest = ['node_modules/jest/bin/jest.js', '--selectProjects', 'attacks', '--maxWorkers=1', ...operands];
const node = ['--experimental-vm-modules', '--no-warnings', ...jest];
const child = spawn(process.execPath, node, { stdio: 'inherit', env });
child.on('exit', (code) => process.exit(code ?? 1));
