// `npm run build`: compiles into a fresh folder and puts it in the place of the one before. Services that run from `dist`
// never see half of it, and a build that fails leaves them what they had.
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fingerprint, stamp } from './built.mjs';
import { requirePackages, requireWritable, ROOT } from './checkout.mjs';
import { readArguments } from './command-line.mjs';

const HELP = `Usage: npm run build [-- [--out <folder>] [--redis]]

Compiles the sources into a fresh folder and puts it in the place of the one before. What runs from that goes on with
what it has loaded.

Options
  --out     the folder (dist)
  --redis   first looks for a Redis that can be started on this machine, as \`npm start\` needs one, and ends without it
  --help    says this

Example
  npm run build
`;

const { values } = readArguments({
  help: HELP,
  options: { out: { type: 'string', default: 'dist' }, redis: { type: 'boolean', default: false } },
});
const target = join(ROOT, values.out);
const devServers = join(ROOT, 'packages/dev-servers');
requirePackages();
requireWritable([ROOT, target, devServers, join(devServers, 'dist')]);

const fresh = `dist.${process.pid}`;
const config = `${fresh}.json`;

/** Runs a program of the packages, and ends with it when it fails: it has said why. */
function run(program, ...args) {
  const { status, error } = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit' });
  if (error) process.stderr.write(`${program} cannot be run: ${error.message}. Run \`npm ci\` first.\n`);
  if (status !== 0) process.exit(status ?? 1);
}

process.on('exit', () => {
  for (const left of [fresh, config, `${fresh}.old`])
    rmSync(join(ROOT, left), { recursive: true, force: true });
});

const sources = fingerprint();
run('npm', 'run', '-s', 'build', '--workspaces');
if (values.redis) await lookForRedis();
writeFileSync(
  join(ROOT, config),
  JSON.stringify({ extends: './tsconfig.build.json', compilerOptions: { outDir: fresh } }),
);
run(join(ROOT, 'node_modules/.bin/nest'), 'build', '--path', config);
stamp(join(ROOT, fresh), sources);
if (existsSync(target)) renameSync(target, join(ROOT, `${fresh}.old`));
renameSync(join(ROOT, fresh), target);

async function lookForRedis() {
  const { findRedis } = await import('jobstream-dev-servers/redis-program');
  const log = (line) => process.stderr.write(`${line}\n`);
  try {
    await findRedis(log, resolve('.jobstream'));
  } catch (error) {
    log(error.message);
    process.exit(1);
  }
}
