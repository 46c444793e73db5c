// node scripts/run.mjs <command> …: runs a command of the service from `dist`. Only `npm run build` writes there while
// services may run from it; `start` and `demo` build where nothing is built, so that a fresh clone starts with one command.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stateOf } from './built.mjs';
import { requirePackages, ROOT } from './checkout.mjs';
import { readArguments, refuse } from './command-line.mjs';
import { COMMANDS } from './commands.mjs';

const [name = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(COMMANDS, name))
  refuse(
    `There is no command "${name}".`,
    `Usage: node scripts/run.mjs ${Object.keys(COMMANDS).join('|')} …\n`,
  );
const command = COMMANDS[name];
// Its program reads them again. Here they are checked before anything is built, and without what is built.
readArguments(command, args);
requirePackages();

const state = stateOf();
if (state === 'missing') prepare();
if (state === 'stale') {
  process.stderr.write(
    'What is built is older than the sources, and runs as it is. Run `npm run build` first to run the sources.\n',
  );
}
const program = join(ROOT, 'dist/src', command.program);
// The programs read their arguments as if they were called by themselves.
process.argv = [process.argv[0], program, ...args];
await import(pathToFileURL(program).href);

function prepare() {
  if (!command.builds) {
    process.stderr.write('Nothing is built. Run `npm run build` first.\n');
    process.exit(1);
  }
  process.stderr.write('Nothing is built yet, so that is done first; it takes some seconds.\n');
  const options = process.env.REDIS_URL ? [] : ['--redis'];
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, 'build.mjs'), ...options], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}
