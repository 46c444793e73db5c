import { readdir, readFile } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { type Adapter, serviceEnvironment, type Submitted } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { send } from '../support/http.ts';
import { createTestDatabase, type TestDatabase, testRedis } from '../support/services.ts';
import { ensureBuilt, ServiceProcess } from '../support/service-process.ts';
import { openStream } from '../support/sse.ts';
import { signToken } from '../support/tokens.ts';

/** In every text of the foreign tenant's jobs, and nowhere else. */
export const MARKER = 'f0reign-8c1d';
export const FOREIGN_TENANT = 'globex';

export interface VitalSigns {
  fds: number;
  /** Resident memory in MiB. */
  memory: number;
}

/** The built service in a process of its own, with jobs of a tenant that is not the attacker's. */
export class Victim {
  private constructor(
    readonly service: ServiceProcess,
    readonly database: TestDatabase,
    readonly foreignIds: readonly string[],
  ) {}

  static async start(adapter: Adapter, environment: Record<string, string> = {}): Promise<Victim> {
    await ensureBuilt();
    const database = await createTestDatabase();
    try {
      const foreignIds = await plantForeignJobs(database);
      const variables = { ...serviceEnvironment(database.url, testRedis()), HTTP_ADAPTER: adapter };
      const service = await ServiceProcess.start({ ...variables, ...environment });
      return new Victim(service, database, foreignIds);
    } catch (error) {
      await database.drop();
      throw error;
    }
  }

  get url(): string {
    return this.service.url;
  }

  /** What an honest caller does, start to end; resolves to the job's last status. */
  async runsAJob(subject = 'honest'): Promise<string> {
    const token = await signToken({ subject });
    const body = { type: 'demo.steps', payload: { steps: 3, stepMs: 1 } };
    const answer = await send(`${this.url}/jobs`, { method: 'POST', token, body });
    if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${answer.text}`);
    const stream = await openStream(`${this.url}/jobs/${answer.json<Submitted>().job.id}/events`, { token });
    const { data } = await stream.untilEvent('end', 60_000);
    return data?.job?.status ?? 'unknown';
  }

  /**
   * What the foreign tenant does meanwhile: they read all there is of their jobs. Resolves to the answers that do
   * not show the marker, of which there must be none: what nobody is shown would be no proof.
   */
  async foreignersRead(): Promise<string[]> {
    const token = await signToken({ tenant: FOREIGN_TENANT, scope: 'jobs:read jobs:tenant' });
    const job = this.foreignIds[FINAL_FROM];
    const paths = ['/jobs', `/jobs/${job}`, `/jobs/${job}/logs`, `/jobs/${job}/events`];
    const answers = await Promise.all(paths.map((path) => send(`${this.url}${path}`, { token })));
    return answers
      .filter(({ text }) => !text.includes(MARKER) && !SENT_AWAY.test(text))
      .map(({ status, text }) => `${status} ${text}`);
  }

  /** Of the process, by Linux's own account. */
  async vitalSigns(): Promise<VitalSigns> {
    const process = `/proc/${this.service.pid}`;
    const [fds, status] = await Promise.all([
      readdir(`${process}/fd`),
      readFile(`${process}/status`, 'utf8'),
    ]);
    return { fds: fds.length, memory: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024) };
  }

  /** Waits until it holds hardly more descriptors than before: the pools of Postgres and Redis may have grown. */
  async untilFdsReturn(before: VitalSigns, timeoutMs = 30_000): Promise<VitalSigns> {
    return eventually(
      async () => {
        const now = await this.vitalSigns();
        if (now.fds > before.fds + 25) throw new Error(`${now.fds} descriptors, ${before.fds} before`);
        return now;
      },
      { timeoutMs },
    );
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.database.drop();
  }
}

/** A stream that was open just when an administrator among the attackers revoked its job. */
const SENT_AWAY = /^event: bye\nid: [\d.]+\ndata: \{"reason":"revoked","reconnect":false\}\n\n$/m;

/** The first of these that a job ends with. */
const FINAL_FROM = 2;
const STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;

/** A job in every status with the marker in all that a job can hold; two of them with the attacker's own name as owner. */
async function plantForeignJobs({ dataSource }: TestDatabase): Promise<string[]> {
  // Newer than any other job, so that they come first wherever they are shown at all.
  const ids = STATUSES.map(() => uuidv7().replace(/^.{13}/, 'ffffffff-ffff'));
  for (const [index, status] of STATUSES.entries()) {
    const final = index >= FINAL_FROM;
    await dataSource.query(
      `INSERT INTO jobs.job (id, type, queue, tenant, owner, status, attempt, max_attempts, tags, idempotency_key,
         payload_hash, payload, progress, result, error_code, error_message, run_at, finished_at, lease_until, stage)
       VALUES ($1, 'demo.steps', 'default', $2, $3, $4, 1, 3, $5, $6, $6, $7, $7, $7, $6, $6,
         '2100-01-01', $8, $9, $10)`,
      [
        ids[index],
        FOREIGN_TENANT,
        index % 2 ? 'alice' : MARKER,
        status,
        [MARKER, 'shared'],
        `${MARKER}-${index}`,
        JSON.stringify({ step: MARKER, message: MARKER, data: { text: MARKER } }),
        final ? new Date() : null,
        status === 'active' ? '2100-01-01' : null,
        status === 'queued' ? 'later' : null,
      ],
    );
    await dataSource.query(
      `INSERT INTO jobs.job_change VALUES ($1, 1, $2, 1, 'submitted', '2100-01-01', now())`,
      [ids[index], status],
    );
    await dataSource.query(`INSERT INTO jobs.job_log VALUES ($1, 1, 1, 'info', $2, now())`, [
      ids[index],
      MARKER,
    ]);
  }
  return ids;
}
