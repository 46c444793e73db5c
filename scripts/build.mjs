// `npm run build`: compiles into a fresh folder and puts it in the place of the one before. Services that run from `dist`
// never see half of it, and a build that fails leaves them what they had. With --redis it is for a start that needs a Redis
// of this machine, which is looked for before the long part.
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fingerprint, ROOT, stamp } from './built.mjs';

const target = process.argv.slice(2).find((arg) => !arg.startsWith('--')) ?? 'dist';
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
if (process.argv.includes('--redis')) await lookForRedis();
writeFileSync(
  join(ROOT, config),
  JSON.stringify({ extends: './tsconfig.build.json', compilerOptions: { outDir: fresh } }),
);
run(join(ROOT, 'node_modules/.bin/nest'), 'build', '--path', config);
stamp(join(ROOT, fresh), sources);
if (existsSync(join(ROOT, target))) renameSync(join(ROOT, target), join(ROOT, `${fresh}.old`));
renameSync(join(ROOT, fresh), join(ROOT, target));

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
