// Before tests that run the built service: builds where nothing is built, and refuses what is not of the sources.
// With --beside, tests get a build of the sources in any case: in `dist.test` where `dist` is of others, as services may
// run from it. The last line of the output names the folder.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { stateOf } from './built.mjs';
import { ROOT } from './checkout.mjs';
import { readArguments } from './command-line.mjs';

const HELP = `Usage: node scripts/ensure-built.mjs [--beside]
`;

const { beside } = readArguments({
  help: HELP,
  options: { beside: { type: 'boolean', default: false } },
}).values;
const state = stateOf(join(ROOT, 'dist'));
const folder = beside && state === 'stale' ? 'dist.test' : 'dist';
const script = join(import.meta.dirname, 'build.mjs');

if (stateOf(join(ROOT, folder)) === 'current') process.stdout.write(beside ? `${folder}\n` : '');
else if (state === 'missing' || beside) {
  const { status } = spawnSync(process.execPath, [script, '--out', folder], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
  if (status === 0 && beside) process.stdout.write(`${folder}\n`);
} else {
  process.stderr.write('What is built is older than the sources. Run `npm run build` first.\n');
  process.exitCode = 1;
}
