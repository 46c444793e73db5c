import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { until } from './until.ts';

const MAIN = join(import.meta.dirname, '../../dist/src/main.js');
const SECRET = 'a secret of thirty-two bytes or more, for tests alone';
/** The first start makes a database cluster. */
const START_MS = 90_000;

/** The built service as a child process in a folder of its own, with its embedded Postgres and Redis. */
export interface Service {
  readonly url: string;
  readonly token: string;
  /** Ends the process like a deployment does, and starts it again at the same address with the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the service; call `npm run build` before. Throws with its output when it does not become ready. */
export async function startService(): Promise<Service> {
  await access(MAIN).catch((cause: unknown) => {
    throw new Error(`${MAIN} is missing: run \`npm run build\` first.`, { cause });
  });
  const folder = await mkdtemp(join(tmpdir(), 'jobstream-browser-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child = await launch(folder, port, url);
  return {
    url,
    token: await signToken(),
    async restart() {
      await end(child);
      child = await launch(folder, port, url);
    },
    async stop() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string, port: number, url: string): Promise<ChildProcess> {
  const { PATH, HOME } = process.env;
  const env = {
    PATH,
    HOME,
    PORT: String(port),
    JWT_SECRET: SECRET,
    SHUTDOWN_GRACE_MS: '1000',
    LEASE_MS: '5000',
  };
  const child = spawn(process.execPath, [MAIN], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-20_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  try {
    await until(() => isReady(child, url), START_MS);
  } catch (cause) {
    await end(child);
    throw new Error(`The service did not become ready. Its output:\n${output}`, { cause });
  }
  return child;
}

async function isReady(child: ChildProcess, url: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`The service exited with ${child.exitCode}.`);
  // Refused until it listens.
  const response = await fetch(`${url}/health/ready`).catch(() => null);
  await response?.body?.cancel();
  return response?.ok ?? false;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

function signToken(): Promise<string> {
  return new SignJWT({ tenant: 'browser-tests', scope: 'jobs:read jobs:write jobs:tenant' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject('browser')
    .setIssuer('jobstream')
    .setAudience('jobstream')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
