import type { DataSource } from 'typeorm';
import type { JobView } from '../../src/job/job.ts';
import { type Environment, readEnvironment } from '../../src/service/environment.ts';
import { startService } from '../../src/service/start.ts';
import { collectedLog } from './collected-log.ts';
import { type Answer, type Request, send } from './http.ts';
import { createTestDatabase, type TestDatabase, testFolder, testRedis } from './services.ts';
import { openStream, type SseStream } from './sse.ts';
import { type Claims, JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, signToken } from './tokens.ts';

export const ADAPTERS = ['fastify', 'express'] as const;
/**
 * For what is decided behind the HTTP server: one of them shows it. What both must do alike (routes, guards, bodies, headers,
 * streams on the wire) is run on both by the conformance suite, the access matrix and the specs that name ADAPTERS.
 */
export const ANY_ADAPTER = ['fastify'] as const satisfies (typeof ADAPTERS)[number][];
export type Adapter = (typeof ADAPTERS)[number];

export interface AppOptions {
  adapter: Adapter;
  /** Variables that differ from those of the tests. */
  environment?: Record<string, string>;
  /** Shares Postgres and Redis with this app, as a second process of one deployment does. */
  beside?: TestApp;
  /** Starts the service. Default: the way in which it always starts. */
  start?: (environment: Environment) => Promise<{ url: string; close(): Promise<void> }>;
}

const AS_EVER: NonNullable<AppOptions['start']> = (environment) =>
  startService(environment, { logger: collectedLog });

/** A bearer token, the claims of one, or null for none. */
export type Credential = string | Claims | null;

/** What `POST /jobs` answers. */
export interface Submitted {
  job: JobView;
  viewer: { token: string; expiresAt: string };
}

/** Waits far longer than any test, so that the job stays queued. */
export const LATER = '2100-01-01T00:00:00.000Z';

/** The variables of a service on these servers, in production so that nothing is made up. */
export function serviceEnvironment(databaseUrl: string, redis: { url: string; prefix: string }) {
  return {
    NODE_ENV: 'production',
    PORT: '0',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis.url,
    JOBS_PREFIX: redis.prefix,
    JWT_SECRET,
    JWT_ISSUER,
    JWT_AUDIENCE,
    IMPORT_DIR: testFolder(),
    PROGRESS_INTERVAL_MS: '20',
    STREAM_BACKSTOP_MS: '1000',
    SHUTDOWN_GRACE_MS: '200',
  };
}

/** The reference service in this process, and shorthands for its HTTP interface. */
export class TestApp {
  private constructor(
    readonly url: string,
    readonly database: TestDatabase,
    readonly redis: { url: string; prefix: string },
    private readonly service: { close(): Promise<void> },
    private readonly ownsDatabase: boolean,
  ) {}

  static async start({ adapter, environment, beside, start = AS_EVER }: AppOptions): Promise<TestApp> {
    const database = beside?.database ?? (await createTestDatabase());
    const redis = beside?.redis ?? testRedis();
    const base = serviceEnvironment(database.url, redis);
    const variables = { ...base, HTTP_ADAPTER: adapter, ...environment };
    try {
      const service = await start(readEnvironment(variables));
      return new TestApp(service.url, database, redis, service, !beside);
    } catch (error) {
      if (!beside) await database.drop();
      throw error;
    }
  }

  /** The database of the service, on a connection of the test's own. */
  get dataSource(): DataSource {
    return this.database.dataSource;
  }

  token(claims: Claims = {}): Promise<string> {
    return signToken(claims);
  }

  /** A request below the service's URL, by default of the user `alice` of `acme`. */
  async send(path: string, request: Request = {}, as: Credential = {}): Promise<Answer> {
    return send(`${this.url}${path}`, { ...(await bearer(as)), ...request });
  }

  get(path: string, as: Credential = {}): Promise<Answer> {
    return this.send(path, {}, as);
  }

  post(path: string, body?: unknown, as: Credential = {}): Promise<Answer> {
    return this.send(path, { method: 'POST', body }, as);
  }

  /** Submits a job; throws unless it is accepted. */
  async submit(body: Record<string, unknown>, as: Credential = {}): Promise<Submitted> {
    const answer = await this.post('/jobs', body, as);
    if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${answer.text}`);
    return answer.json<Submitted>();
  }

  /** Submits `demo.steps` with this payload; resolves to the job's id. */
  async steps(payload: Record<string, unknown>, rest: Record<string, unknown> = {}): Promise<string> {
    const { job } = await this.submit({ type: 'demo.steps', payload, ...rest });
    return job.id;
  }

  /** A job that waits until it is cancelled or the year 2100. */
  waitingJob(rest: Record<string, unknown> = {}): Promise<string> {
    return this.steps({ steps: 1, stepMs: 0 }, { runAt: LATER, ...rest });
  }

  /** Lets jobs run that wait for their time. */
  async makeDue(...ids: string[]): Promise<void> {
    await this.dataSource.query('UPDATE jobs.job SET run_at = now() WHERE id = ANY($1)', [ids]);
  }

  /** A job that runs until it is cancelled. */
  async runningJob(payload: Record<string, unknown> = {}): Promise<string> {
    const id = await this.steps({ steps: 10_000, stepMs: 25, ...payload });
    const stream = await this.stream(id);
    await stream.untilFrame(({ event }) => event === 'progress');
    stream.destroy();
    return id;
  }

  async job(id: string, as: Credential = {}): Promise<JobView> {
    return (await this.get(`/jobs/${id}`, as)).json<JobView>();
  }

  cancel(id: string, as: Credential = {}): Promise<Answer> {
    return this.post(`/jobs/${id}/cancel`, undefined, as);
  }

  retry(id: string, as: Credential = {}): Promise<Answer> {
    return this.post(`/jobs/${id}/retry`, undefined, as);
  }

  /** Opens the job's stream; `query` begins with a question mark. */
  async stream(id: string, query = '', request: Request = {}, as: Credential = {}): Promise<SseStream> {
    return openStream(`${this.url}/jobs/${id}/events${query}`, { ...(await bearer(as)), ...request });
  }

  /** Follows the job to its end and resolves to what it is then. */
  untilFinal(id: string): Promise<JobView> {
    return this.untilFinalAs(id, {});
  }

  async untilFinalAs(id: string, as: Credential): Promise<JobView> {
    const stream = await this.stream(id, '', {}, as);
    const { data } = await stream.untilEvent('end');
    if (!data?.job) throw new Error(`An end without a job:\n${stream.text}`);
    return data.job;
  }

  /** Stops the service and leaves its data. */
  async stop(): Promise<void> {
    await this.service.close();
  }

  /** Stops the service and removes its database. */
  async close(): Promise<void> {
    await this.stop();
    if (this.ownsDatabase) await this.database.drop();
  }
}

export function startApp(options: AppOptions): Promise<TestApp> {
  return TestApp.start(options);
}

async function bearer(as: Credential): Promise<{ token?: string }> {
  if (as === null) return {};
  return { token: typeof as === 'string' ? as : await signToken(as) };
}
