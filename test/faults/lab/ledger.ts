import { Client } from 'pg';
import { isFinal, type JobStatus, TRANSITIONS } from '../../../src/job/job.ts';

/** What was accepted, and how it may end. */
export type Accepted = ReadonlyMap<string, readonly JobStatus[]>;

export interface Audit {
  accepted: number;
  /** `<what>: <job> …` of every promise that was broken; empty when all were kept. */
  lost: string[];
  finishedTwice: string[];
  stuck: string[];
  /** Side effects that happened more than once for one attempt. */
  repeatedEffects: string[];
  /** Histories with a hole or an impossible step, and endings that were not asked for. */
  wrong: string[];
}

interface JobRow {
  id: string;
  status: JobStatus;
  version: number;
  attempt: number;
}

interface ChangeRow {
  job_id: string;
  version: number;
  status: JobStatus;
  reason: string;
}

interface EffectRow {
  job_id: string;
  attempt: number;
  phase: string;
  times: number;
}

/** The tables as they are, held against what was accepted. */
export class Ledger {
  constructor(private readonly databaseUrl: string) {}

  /** For the side effects of `ledger.work`. No constraint: a repeated effect is to be seen, not refused. */
  async create(): Promise<void> {
    await this.query(
      `CREATE TABLE ledger (job_id uuid NOT NULL, attempt int NOT NULL, phase text NOT NULL, worker int NOT NULL,
         at timestamptz NOT NULL DEFAULT clock_timestamp())`,
    );
  }

  async query<Row extends object>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.databaseUrl, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<Row>(sql, parameters)).rows;
    } finally {
      await client.end();
    }
  }

  /** `<version> <status>` of every change, oldest first. */
  async history(jobId: string): Promise<string[]> {
    const rows = await this.query<ChangeRow>(
      'SELECT version, status FROM jobs.job_change WHERE job_id = $1 ORDER BY version',
      [jobId],
    );
    return rows.map(({ version, status }) => `${version} ${status}`);
  }

  async reasons(jobId: string): Promise<string[]> {
    const rows = await this.query<ChangeRow>(
      'SELECT reason FROM jobs.job_change WHERE job_id = $1 ORDER BY version',
      [jobId],
    );
    return rows.map(({ reason }) => reason);
  }

  /** `<attempt> <phase>` of every side effect of a job, oldest first. */
  async effects(jobId: string): Promise<string[]> {
    const rows = await this.query<EffectRow>(
      'SELECT attempt, phase FROM ledger WHERE job_id = $1 ORDER BY at',
      [jobId],
    );
    return rows.map(({ attempt, phase }) => `${attempt} ${phase}`);
  }

  /** How many jobs have not ended. */
  async unfinished(): Promise<number> {
    const [row] = await this.query<{ count: string }>(
      `SELECT count(*) FROM jobs.job WHERE status IN ('queued', 'active')`,
    );
    return Number(row?.count);
  }

  async audit(accepted: Accepted): Promise<Audit> {
    const audit: Audit = {
      accepted: accepted.size,
      lost: [],
      finishedTwice: [],
      stuck: [],
      repeatedEffects: [],
      wrong: [],
    };
    const jobs = new Map(
      (await this.query<JobRow>('SELECT id, status, version, attempt FROM jobs.job')).map((job) => [
        job.id,
        job,
      ]),
    );
    const changes = await this.#changes();
    for (const [id, endings] of accepted) {
      const job = jobs.get(id);
      if (job) examine(audit, job, changes.get(id) ?? [], endings);
      else audit.lost.push(`lost: ${id}`);
    }
    const repeated = await this.query<EffectRow>(
      'SELECT job_id, attempt, phase, count(*)::int AS times FROM ledger GROUP BY 1, 2, 3 HAVING count(*) > 1',
    );
    audit.repeatedEffects = repeated.map(
      (row) => `repeated: ${row.job_id} attempt ${row.attempt} ${row.phase} ${row.times} times`,
    );
    return audit;
  }

  /** The history of every job, oldest change first. */
  async #changes(): Promise<Map<string, ChangeRow[]>> {
    const rows = await this.query<ChangeRow>(
      'SELECT job_id, version, status, reason FROM jobs.job_change ORDER BY job_id, version',
    );
    const changes = new Map<string, ChangeRow[]>();
    for (const row of rows) changes.set(row.job_id, [...(changes.get(row.job_id) ?? []), row]);
    return changes;
  }
}

function examine(audit: Audit, job: JobRow, changes: ChangeRow[], endings: readonly JobStatus[]): void {
  const story = `${job.id} ${changes.map(({ version, status, reason }) => `${version} ${status} (${reason})`).join(', ')}`;
  const finals = changes.filter(({ status }) => isFinal(status)).length;
  const byHand = changes.filter(({ reason }) => reason === 'retried_by_hand').length;
  if (!isFinal(job.status)) audit.stuck.push(`stuck: ${story}`);
  else if (finals > 1 + byHand) audit.finishedTwice.push(`finished twice: ${story}`);
  else if (!endings.includes(job.status)) audit.wrong.push(`not an ending that was asked for: ${story}`);
  if (!isWhole(job, changes))
    audit.wrong.push(`wrong history of version ${job.version}, attempt ${job.attempt}: ${story}`);
}

/** One row per version, each following from the one before, and as many claims as attempts. */
function isWhole({ version, status, attempt }: JobRow, changes: ChangeRow[]): boolean {
  const follows = changes.every((change, index) => {
    const before = changes[index - 1];
    if (!before) return change.version === 1 && change.status === 'queued';
    return change.version === before.version + 1 && TRANSITIONS[before.status].includes(change.status);
  });
  const claims = changes.filter(({ reason }) => reason === 'claimed').length;
  return follows && changes.length === version && changes.at(-1)?.status === status && claims === attempt;
}

/** Every promise that was broken, in words. */
export function problemsOf({ lost, finishedTwice, stuck, repeatedEffects, wrong }: Audit): string[] {
  return [lost, finishedTwice, stuck, repeatedEffects, wrong].flat();
}
