import { DataSource } from 'typeorm';
import type { Job, JobChange } from '../../src/job/job.ts';
import { type JobsModuleOptions, resolveOptions } from '../../src/jobs.options.ts';
import { AuditTrail } from '../../src/store/audit-trail.ts';
import { Events } from '../../src/events/events.ts';
import { CHANGES } from '../../src/events/facts.ts';
import { Database } from '../../src/store/database.ts';
import { JobLeases } from '../../src/store/job-leases.ts';
import { JobLogs } from '../../src/store/job-logs.ts';
import { JobMoves, type Settlement } from '../../src/store/job-moves.ts';
import { JobOffers } from '../../src/store/job-offers.ts';
import { JobRetention } from '../../src/store/job-retention.ts';
import { JobFeed } from '../../src/store/job-feed.ts';
import { JobStore } from '../../src/store/job-store.ts';
import { createTestDatabase, type TestDatabase } from './services.ts';

/** The row of a job as no reader shows it. */
export interface RawJob {
  id: string;
  status: string;
  version: number;
  attempt: number;
  stage: string | null;
  offer_again_at: Date | null;
  lease_until: Date | null;
  worker: string | null;
}

/** The classes of the store on a database of the test's own, without the rest of the module. */
export class TestStore {
  readonly tables: Database;
  readonly store: JobStore;
  readonly feed: JobFeed;
  readonly moves: JobMoves;
  readonly leases: JobLeases;
  readonly offers: JobOffers;
  readonly logs: JobLogs;
  readonly retention: JobRetention;
  readonly audit: AuditTrail;
  /** What was announced as committed, in order. */
  readonly announced: Job[] = [];

  private constructor(
    readonly dataSource: DataSource,
    private readonly database: TestDatabase,
    options: Partial<JobsModuleOptions>,
  ) {
    const resolved = resolveOptions({ redis: 'redis://unused', jwt: UNUSED_JWT, ...options });
    const events = new Events();
    events.on(CHANGES, ({ jobs }) => this.announced.push(...jobs.map(({ job }) => job)));
    this.tables = new Database(dataSource, resolved.schema);
    this.store = new JobStore(this.tables);
    this.feed = new JobFeed(this.tables);
    this.moves = new JobMoves(this.tables, resolved, events);
    this.leases = new JobLeases(this.tables, resolved, events);
    this.offers = new JobOffers(this.tables);
    this.logs = new JobLogs(this.tables);
    this.retention = new JobRetention(this.tables);
    this.audit = new AuditTrail(this.tables);
  }

  static async open(options: Partial<JobsModuleOptions> = {}): Promise<TestStore> {
    const database = await createTestDatabase();
    return new TestStore(database.dataSource, database, options);
  }

  /** Another process on the same database, with connections of its own. */
  async beside(options: Partial<JobsModuleOptions> = {}): Promise<TestStore> {
    const dataSource = new DataSource({ type: 'postgres', url: this.database.url });
    return new TestStore(await dataSource.initialize(), this.database, options);
  }

  async close(): Promise<void> {
    if (this.dataSource !== this.database.dataSource) return this.dataSource.destroy();
    await this.database.drop();
  }

  query<Row = Record<string, unknown>>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.dataSource.query<Row[]>(sql, parameters);
  }

  /** The job of `acme` as streams read it. */
  async read(id: string): Promise<Job> {
    const [job] = await this.store.find([{ id, tenant: 'acme' }]);
    if (!job) throw new Error(`No job ${id}.`);
    return job;
  }

  async raw(id: string): Promise<RawJob> {
    const [row] = await this.query<RawJob>('SELECT * FROM jobs.job WHERE id = $1', [id]);
    if (!row) throw new Error(`No job ${id}.`);
    return row;
  }

  /** The changes of a job of `acme`, oldest first. */
  async history(id: string): Promise<JobChange[]> {
    const [changes] = await this.store.changesAfter([{ id, tenant: 'acme', after: 0 }]);
    return changes ?? [];
  }

  /** Makes the lease of an active job one that ran out. */
  async expireLease(id: string): Promise<void> {
    await this.query(
      `UPDATE jobs.job SET lease_until = now() - interval '1 s' WHERE id = $1 AND status = 'active'`,
      [id],
    );
  }
}

const UNUSED_JWT = { secret: 'x'.repeat(32), issuer: 'unused', audience: 'unused' };

/** How an attempt at a job of `acme` ended: completed unless told otherwise. */
export function aSettlement(id: string, version: number, parts: Partial<Settlement> = {}): Settlement {
  const completed = { status: 'completed', reason: 'completed', result: null, error: null } as const;
  return { id, version, tenant: 'acme', ...completed, delayMs: 0, progress: null, tick: 0, ...parts };
}
