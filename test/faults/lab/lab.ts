import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobStatus, JobView } from '../../../src/job/job.ts';
import { createThrowAwayFolder } from '../../../packages/dev-servers/src/data-folder.ts';
import { serverHome } from '../../../packages/dev-servers/src/server-home.ts';
import { ThrowAwayFolders } from '../../../packages/dev-servers/src/throw-away-folders.ts';
import { freePort } from '../../../packages/dev-servers/src/free-port.ts';
import { eventually } from '../../support/eventually.ts';
import { send } from '../../support/http.ts';
import { JWT_SECRET, signToken } from '../../support/tokens.ts';
import { Host, type HostOptions } from './host.ts';
import { Ledger, problemsOf } from './ledger.ts';
import { FaultyPostgres } from './postgres.ts';
import { FaultyRedis } from './redis.ts';
import { Viewer } from './viewer.ts';

/** What `ledger.work` is asked to do; see the host. */
export interface Work {
  steps?: number;
  stepMs?: number;
  failAttempts?: number;
  permanent?: boolean;
  ignoreAbort?: boolean;
}

export interface SubmitOptions extends Work {
  runAt?: string;
  maxAttempts?: number;
  /** How the job may end. Default: completed. */
  endings?: JobStatus[];
}

const ISSUER = { JWT_ISSUER: 'jobstream', JWT_AUDIENCE: 'jobstream' };

/** The servers of a suite, which the suite may break. */
export class Servers {
  private constructor(
    readonly folder: string,
    readonly postgres: FaultyPostgres,
    readonly redis: FaultyRedis,
    private readonly rubbish: ThrowAwayFolders,
  ) {}

  static async start(): Promise<Servers> {
    const { path } = createThrowAwayFolder(join(tmpdir(), `jobstream-faults-${randomUUID()}`));
    const home = await serverHome(path, () => undefined);
    const rubbish = new ThrowAwayFolders([...new Set([home.dir, path])]);
    const [postgres, redis] = await Promise.all([FaultyPostgres.create(home), FaultyRedis.at(home)]);
    return new Servers(path, postgres, redis, rubbish);
  }

  /** Makes both answer again, whatever a test that failed has left behind. */
  async mend(): Promise<void> {
    await Promise.all([this.postgres.mend(), this.redis.mend()]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.postgres.close(), this.redis.close()]);
    await this.rubbish.remove();
  }
}

/** A database, a Redis prefix and processes of one test's own, and what was accepted in it. */
export class Lab {
  readonly accepted = new Map<string, readonly JobStatus[]>();
  readonly viewers: Viewer[] = [];
  readonly ledger: Ledger;
  readonly #hosts: Host[] = [];

  private constructor(
    readonly servers: Servers,
    readonly databaseUrl: string,
    readonly prefix: string,
    readonly token: string,
  ) {
    this.ledger = new Ledger(databaseUrl);
  }

  static async open(servers: Servers): Promise<Lab> {
    const name = `lab_${randomUUID().replaceAll('-', '')}`;
    const token = await signToken({ issuer: ISSUER.JWT_ISSUER, audience: ISSUER.JWT_AUDIENCE });
    const lab = new Lab(servers, await servers.postgres.createDatabase(name), `{${name}}`, token);
    await lab.ledger.create();
    return lab;
  }

  /** Starts a process without waiting until it listens. */
  launch(roles: string, env: NodeJS.ProcessEnv = {}, program: HostOptions['program'] = 'ledger'): Host {
    const { databaseUrl, prefix, servers } = this;
    const all = {
      ...ISSUER,
      JWT_SECRET,
      DATABASE_URL: databaseUrl,
      REDIS_URL: servers.redis.url,
      JOBS_PREFIX: prefix,
      JOBS_ROLES: roles,
      LEASE_MS: '2000',
      PORT: '0',
      ...env,
    };
    const host = Host.launch({ program, env: all, cwd: servers.folder });
    this.#hosts.push(host);
    return host;
  }

  /** A process that runs `ledger.work`. */
  async worker(env: NodeJS.ProcessEnv = {}): Promise<Host> {
    const host = this.launch('worker', env);
    await host.listening();
    return host;
  }

  /** A process that takes jobs and serves streams, and runs nothing, at an address that it keeps when restarted. */
  async api(env: NodeJS.ProcessEnv = {}): Promise<{ host: Host; url: string }> {
    const host = this.launch('api', { PORT: String(await freePort()), ...env });
    return { host, url: await host.listening() };
  }

  /** Submits a `ledger.work`; throws unless it was accepted. */
  async submit(url: string, options: SubmitOptions = {}): Promise<string> {
    const { runAt, maxAttempts, endings = ['completed'], steps = 5, stepMs = 20, ...work } = options;
    const body = { type: 'ledger.work', payload: { steps, stepMs, ...work }, runAt, maxAttempts };
    const answer = await send(`${url}/jobs`, { method: 'POST', token: this.token, body });
    if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${answer.text}`);
    const { id } = answer.json<{ job: JobView }>().job;
    this.accepted.set(id, endings);
    return id;
  }

  submitMany(url: string, count: number, options: SubmitOptions = {}): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.submit(url, options)));
  }

  async job(url: string, id: string): Promise<JobView> {
    return (await send(`${url}/jobs/${id}`, { token: this.token })).json<JobView>();
  }

  watch(jobId: string, url: () => string): Viewer {
    const viewer = new Viewer(jobId, url, this.token);
    this.viewers.push(viewer);
    return viewer;
  }

  /** Waits until every job has ended; names those that have not when it takes too long. */
  async quiet(timeoutMs: number): Promise<void> {
    await eventually(
      async () => {
        const unfinished = await this.ledger.unfinished();
        if (unfinished > 0) throw new Error(`${unfinished} jobs have not ended after ${timeoutMs} ms`);
      },
      { timeoutMs },
    ).catch(async (error: unknown) => {
      const { stuck } = await this.ledger.audit(this.accepted);
      throw new Error(stuck.slice(0, 20).join('\n'), { cause: error });
    });
  }

  /** Every promise that was broken, to jobs and to their viewers; empty when all were kept. */
  async problems(): Promise<string[]> {
    const problems = problemsOf(await this.ledger.audit(this.accepted));
    for (const viewer of this.viewers) {
      const complaints = viewer.complaints(await this.ledger.history(viewer.jobId));
      problems.push(...complaints.map((complaint) => `viewer of ${viewer.jobId}: ${complaint}`));
    }
    return problems;
  }

  /** Ends every viewer and process of the test. */
  async close(): Promise<void> {
    for (const host of this.#hosts) host.thaw();
    await Promise.all(this.viewers.map((viewer) => viewer.leave()));
    await Promise.all(this.#hosts.map((host) => host.kill()));
  }
}
