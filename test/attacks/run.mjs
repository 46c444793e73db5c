// `npm run test:attacks`: the attack suite with its floods in full, about five minutes.
//   npm run test:attacks -- --requests 100000 --connections 50000 --slow-sockets 400 --seed 7
// What follows a further `--` goes to Jest: npm run test:attacks -- -- fuzz
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    requests: { type: 'string', default: '100000' },
    connections: { type: 'string', default: '50000' },
    'slow-sockets': { type: 'string', default: '400' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
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
const jest = [
  'node_modules/jest/bin/jest.js',
  '--selectProjects',
  'attacks',
  '--maxWorkers=1',
  ...positionals,
];
const node = ['--experimental-vm-modules', '--no-warnings', ...jest];
const child = spawn(process.execPath, node, { stdio: 'inherit', env });
child.on('exit', (code) => process.exit(code ?? 1));
