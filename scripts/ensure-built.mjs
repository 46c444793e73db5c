// Before tests that run the built service: builds where nothing is built, and refuses what is not of the sources.
// With --beside, tests get a build of the sources in any case, and the last line of the output names its folder.
import { ensureBuilt } from './built.mjs';
import { readArguments } from './command-line.mjs';

const HELP = `Usage: node scripts/ensure-built.mjs [--beside]
`;

const { beside } = readArguments({
  help: HELP,
  options: { beside: { type: 'boolean', default: false } },
}).values;
const folder = ensureBuilt({ beside });
if (beside) process.stdout.write(`${folder}\n`);
