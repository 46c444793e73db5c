// Checks the package as its users get it: packs it, installs the tarball into an empty Nest application,
// compiles and boots that application on real servers. Needs `npm run build` first.
//
// Names of the package that this check and host.ts.txt rely on: JobsModule.forRootAsync, JobHandler, JobContext,
// JobTypes, ViewerToken, Jobs with submit, get, list and view from "."; jobMigrations from "./migrations"; jobsOpenApi
// and addJobsTo from "./openapi"; startEmbeddedServices from packages/dev-servers, which the package itself does not ship.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, posix, resolve } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const work = await mkdtemp(join(tmpdir(), 'jobstream-package-'));
// Postgres refuses to run as root, and its own user must get in.
await chmod(work, 0o755);
const app = join(work, 'app');
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

const NOT_SHIPPED = [
  /(^|\/)(test|bench|docs|data|coverage|node_modules|packages|\.jobstream)\//,
  /(^|\/)service\//,
  /(^|\/)main\.(js|d\.ts)/,
  /\.(spec|test)\./,
  /\.tsbuildinfo$/,
  /(^|\/)\.env/,
];
const HOST_TSCONFIG = {
  compilerOptions: {
    target: 'ES2023',
    module: 'nodenext',
    strict: true,
    // Reads the package's own declarations too, so that a type which they lack is an error here.
    skipLibCheck: false,
    types: ['node'],
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    noEmitOnError: false,
    rootDir: '.',
    outDir: 'out',
  },
  files: ['host.ts'],
};

let packed;
const checks = Object.entries({
  'npm pack makes a tarball': pack,
  'the tarball holds neither tests nor the service': holdsOnlyTheLibrary,
  'the tarball installs beside the peers': install,
  'source maps lead to sources': sourceMapsLeadSomewhere,
  'code and types import only what the package declares': importsOnlyDeclared,
  'every entry point imports': entryPointsImport,
  'a strict TypeScript host compiles': hostCompiles,
  'the host boots, migrates, runs jobs and closes': hostRuns,
});

async function pack() {
  const { stdout } = await npm(root, 'pack', '--json', '--ignore-scripts', '--pack-destination', work);
  const report = JSON.parse(stdout);
  // npm 11 prints a list, later versions an object by name.
  packed = Array.isArray(report) ? report[0] : report[manifest.name];
  note(`${packed.filename}: ${kib(packed.size)} packed, ${kib(packed.unpackedSize)} unpacked`);
  note(`${packed.files.length} files`);
}

async function holdsOnlyTheLibrary() {
  const paths = packed.files.map((file) => file.path);
  const strays = paths.filter((path) => NOT_SHIPPED.some((pattern) => pattern.test(path)));
  assert.deepEqual(strays, [], 'files that do not belong into the package');
  for (const name of ['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md', 'SECURITY.md']) {
    assert.ok(paths.includes(name), `${name} is missing from the tarball`);
  }
}

/** An application with the tarball, every peer that is not optional, and an HTTP adapter. */
async function install() {
  const optional = manifest.peerDependenciesMeta ?? {};
  const peers = Object.keys(manifest.peerDependencies ?? {}).filter((name) => !optional[name]?.optional);
  await mkdir(app);
  await writeJson(join(app, 'package.json'), {
    name: 'host',
    private: true,
    type: 'module',
    dependencies: {
      [manifest.name]: `file:${join(work, packed.filename)}`,
      ...(await versions([...peers, '@nestjs/platform-express'])),
    },
    devDependencies: await versions(['typescript', '@types/node', '@types/pg']),
  });
  await npm(app, 'install', '--prefer-offline', '--no-audit', '--no-fund');
  const { stdout } = await npm(app, 'ls', '--all', '--parseable', '--omit=dev');
  note(`${new Set(stdout.trim().split('\n')).size - 1} packages installed in the host, its own included`);
}

/** The versions that this repository is tested with: they are in npm's cache after `npm ci`. */
async function versions(names) {
  const entries = names.map(async (name) => {
    const text = await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8');
    return [name, JSON.parse(text).version];
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function sourceMapsLeadSomewhere() {
  const paths = new Set(packed.files.map((file) => file.path));
  const broken = [];
  for (const path of paths) {
    if (/\.[cm]?js$/.test(path)) {
      const link = /^\/\/# sourceMappingURL=(.+)$/m.exec(await shipped(path))?.[1];
      if (link && !link.startsWith('data:') && !paths.has(beside(path, link)))
        broken.push(`${path} -> ${link}`);
    } else if (path.endsWith('.map')) {
      const { sources, sourcesContent } = JSON.parse(await shipped(path));
      const lost = sources.filter((source, i) => !sourcesContent?.[i] && !paths.has(beside(path, source)));
      broken.push(...lost.map((source) => `${path} -> ${source}`));
    }
  }
  assert.deepEqual(broken, [], 'source maps or links to them that lead nowhere');
}

async function importsOnlyDeclared() {
  const declared = new Set(
    [manifest.dependencies, manifest.peerDependencies].flatMap((list) => Object.keys(list ?? {})),
  );
  const undeclared = new Set();
  for (const { path } of packed.files.filter((file) => /\.(js|d\.ts)$/.test(file.path))) {
    // ES modules have no `require()`, and a method of ours is called so.
    const { importedFiles } = ts.preProcessFile(await shipped(path), true, false);
    for (const { fileName } of importedFiles.filter((file) => !file.fileName.startsWith('.'))) {
      const owner = fileName.split('/', fileName.startsWith('@') ? 2 : 1).join('/');
      const builtin = fileName.startsWith('node:') || builtinModules.includes(owner);
      if (!builtin && !declared.has(owner)) undeclared.add(`${path} imports ${fileName}`);
    }
  }
  assert.deepEqual(
    [...undeclared],
    [],
    'imports of packages that package.json does not declare for its users',
  );
}

async function entryPointsImport() {
  for (const entry of Object.keys(manifest.exports)) {
    const name = posix.join(manifest.name, entry);
    const attributes = entry.endsWith('.json') ? ', { with: { type: "json" } }' : '';
    const { stdout } = await node(
      '--input-type=module',
      '--eval',
      `const entry = await import('${name}'${attributes}); console.log(Object.keys(entry).join(' '));`,
    );
    assert.notEqual(stdout.trim(), '', `${name} exports nothing`);
    note(`${name}: ${stdout.trim()}`);
  }
}

async function hostCompiles() {
  await cp(join(import.meta.dirname, 'host.ts.txt'), join(app, 'host.ts'));
  await writeJson(join(app, 'tsconfig.json'), HOST_TSCONFIG);
  const { stdout } = await run('node_modules/.bin/tsc', ['--pretty', 'false'], { cwd: app }).catch(
    (error) => error,
  );
  // What other packages' declarations lack is not ours to repair.
  const ours = stdout
    .split('\n')
    .filter((line) => line.startsWith('host.ts') || line.includes(`node_modules/${manifest.name}/`));
  assert.deepEqual(ours, [], 'type errors in the host or in the declarations of the package');
}

async function hostRuns() {
  const { startEmbeddedServices } = await import('jobstream-dev-servers');
  const services = await startEmbeddedServices({
    dataDir: join(work, 'servers'),
    postgres: true,
    redis: true,
    durable: false,
    log: note,
  });
  try {
    const env = { ...process.env, DATABASE_URL: services.databaseUrl, REDIS_URL: services.redisUrl };
    // The host never calls process.exit(): a handle that close() forgot makes it overrun the limit.
    const { stdout } = await node('out/host.js', { env, timeout: 60_000 });
    for (const line of stdout.trim().split('\n')) note(line);
    assert.match(stdout, /closed$/m);
  } finally {
    await services.stop();
  }
}

/** Runs node inside the host; a trailing object holds options of `execFile`. */
function node(...args) {
  const options = typeof args.at(-1) === 'object' ? args.pop() : {};
  return run(process.execPath, args, { cwd: app, timeout: 30_000, ...options });
}

function npm(cwd, ...args) {
  return run('npm', args, { cwd, maxBuffer: 16 * 1024 * 1024 });
}

const shipped = (path) => readFile(join(app, 'node_modules', manifest.name, path), 'utf8');
const beside = (path, link) => posix.normalize(posix.join(dirname(path), link));
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
const writeJson = (path, value) => writeFile(path, JSON.stringify(value, null, 2));
const note = (text) => console.log(`    ${text}`);

let passed = 0;
try {
  for (const [title, check] of checks) {
    const started = performance.now();
    await check();
    passed += 1;
    console.log(`  ok  ${title} (${Math.round(performance.now() - started)} ms)`);
  }
} catch (error) {
  console.error(`  FAILED  ${checks[passed][0]}`);
  console.error(error);
  process.exitCode = 1;
} finally {
  await rm(work, { recursive: true, force: true });
}
const failed = process.exitCode ? '1 failed, ' : '';
const skipped = checks.length - passed - (process.exitCode ? 1 : 0);
console.log(
  `Tests: ${failed}${skipped ? `${skipped} skipped, ` : ''}${passed} passed, ${checks.length} total`,
);
