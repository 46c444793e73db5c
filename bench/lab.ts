import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { startEmbeddedServices } from '../packages/dev-servers/src/embedded-services.ts';
import { migrate } from '../src/store/migrate.ts';
import { eventually } from '../test/support/eventually.ts';
import { send } from '../test/support/http.ts';
import { JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, signToken } from '../test/support/tokens.ts';
import { Child } from './child.ts';
import type { BenchOptions } from './options.ts';
import type { Side } from './statistics.ts';

const PREFIX = '{bench}';
const PROBED = ['--expose-gc', '--import', join(import.meta.dirname, 'probe.mjs')];
const TYPESCRIPT = ['--import', join(import.meta.dirname, 'register.mjs')];

/** A measured server, its viewers, and the job whose progress they receive. */
export class Contender {
  open = 0;

  constructor(
    readonly server: Child,
    readonly job: string,
    private readonly viewers: Child,
    private readonly target: { host: string; port: number; request: string },
  ) {}

  /** Opens streams up to this number. */
  async openUntil(count: number): Promise<void> {
    // In batches, because each request to the viewers has a timeout.
    while (this.open < count) {
      const more = Math.min(1_000, count - this.open);
      const problem = await this.viewers.ask<string | null>('open', { ...this.target, count: more });
      if (problem !== null) throw new Error(`Opening streams from number ${this.open} on failed: ${problem}`);
      this.open += more;
    }
  }

  /**
   * Waits until every viewer has received exactly one more frame. Resolves to a description of the problem, or null.
   */
  drained(): Promise<string | null> {
    return this.viewers.ask('drained');
  }

  takeLatencies(): Promise<number[]> {
    return this.viewers.ask('latencies');
  }

  /** Stops the server and its viewers. */
  async stop(): Promise<void> {
    await this.viewers.stop();
    await this.server.stop();
  }
}

/** Real servers, one worker, and the contenders, all on the same machine at the same time. */
export class Lab {
  private constructor(
    private readonly env: Record<string, string>,
    private readonly worker: Child,
    private readonly token: string,
    private readonly stopServices: () => Promise<void>,
  ) {}

  static async start(adapter: BenchOptions['adapter']): Promise<Lab> {
    const dataDir = join(tmpdir(), `jobstream-bench-${randomUUID()}`);
    const quiet = { durable: false, log: (): void => undefined };
    const services = await startEmbeddedServices({ dataDir, postgres: true, redis: true, ...quiet });
    const env = {
      DATABASE_URL: services.databaseUrl ?? '',
      REDIS_URL: services.redisUrl ?? '',
      JOBS_PREFIX: PREFIX,
      HTTP_ADAPTER: adapter,
      JWT_SECRET,
      JWT_ISSUER,
      JWT_AUDIENCE,
      STREAM_MAX_PER_CALLER: '20000',
      STREAM_MAX_TOTAL: '20000',
    };
    const database = await new DataSource({ type: 'postgres', url: env.DATABASE_URL }).initialize();
    await migrate(database);
    await database.destroy();
    const { child } = await Child.start({
      program: 'host.mjs',
      env: { ...env, JOBS_ROLES: 'worker' },
      execArgv: PROBED,
    });
    return new Lab(env, child, await signToken(), () => services.stop());
  }

  /** Starts a new server for each side, each with its own viewers and its own running job. */
  async contenders(profile: string | null = null): Promise<Record<Side, Contender>> {
    const profiling = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const execArgv = [...PROBED, ...profiling];
    const api = await Child.start({ program: 'host.mjs', env: { ...this.env, JOBS_ROLES: 'api' }, execArgv });
    const beside = async (program: 'nest.mjs' | 'bare.mjs'): Promise<Contender> => {
      const server = await Child.start({ program, env: this.env, execArgv });
      const job = await this.#startJob(api.url);
      await server.child.ask('subscribe', { channel: `${PREFIX}:job:${job}` });
      return this.#contender(server, job);
    };
    return {
      jobstream: await this.#contender(api, await this.#startJob(api.url)),
      nest: await beside('nest.mjs'),
      bare: await beside('bare.mjs'),
    };
  }

  /** Makes a job report progress. */
  async tick(job: string, done: number, total: number): Promise<void> {
    await this.worker.ask('tick', { job, done, total });
  }

  async finish(job: string): Promise<void> {
    await this.worker.ask('finish', { job });
  }

  async stop(): Promise<void> {
    await this.worker.stop();
    await this.stopServices();
  }

  async #contender(server: { child: Child; url: string }, job: string): Promise<Contender> {
    const { child: viewers } = await Child.start({ program: 'viewers.ts', execArgv: TYPESCRIPT });
    const { hostname, port } = new URL(server.url);
    const lines = [
      `GET /jobs/${job}/events HTTP/1.1`,
      `Host: ${hostname}`,
      `Authorization: Bearer ${this.token}`,
    ];
    const request = [...lines, 'Accept: text/event-stream', '', ''].join('\r\n');
    return new Contender(server.child, job, viewers, { host: hostname, port: Number(port), request });
  }

  async #startJob(url: string): Promise<string> {
    const body = { type: 'bench.ticks', payload: {} };
    const answer = await send(`${url}/jobs`, { method: 'POST', token: this.token, body });
    if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${answer.text}`);
    const { id } = answer.json<{ job: { id: string } }>().job;
    await eventually(async () => {
      if (!(await this.worker.ask('runs', { job: id }))) throw new Error(`Job ${id} does not run.`);
    });
    return id;
  }
}
