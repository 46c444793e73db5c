import { Injectable, Logger } from '@nestjs/common';
import { ResolvedOptions } from '../jobs.options.ts';
import { Loop } from '../runtime/loop.ts';
import { Outage } from '../runtime/outage.ts';
import type { Part } from '../runtime/part.ts';
import { AuditTrail } from '../store/audit-trail.ts';
import { JobMoves } from '../store/job-moves.ts';
import { JobRetention } from '../store/job-retention.ts';

/** How often expired leases are looked for. A dead worker holds a job for at most this time plus its lease. */
const LEASES_MS = 1_000;
const RETENTION_MS = 60_000;
const CONTEXT = 'Jobstream sweeper';

/**
 * Takes jobs from workers that stopped renewing their leases, and purges old jobs and audit entries. Every process runs
 * one. The two loops are separate because a purge may take long.
 */
@Injectable()
export class Sweeper implements Part {
  readonly #log = new Logger(CONTEXT);
  readonly #leases = new Loop(() => this.#expireLeases(), {
    everyMs: LEASES_MS,
    outage: new Outage(CONTEXT, 'Leases are swept again'),
    failed: 'Sweeping leases failed',
  });
  readonly #retention = new Loop((stop) => this.#purge(stop), {
    everyMs: RETENTION_MS,
    outage: new Outage(CONTEXT, 'Old jobs are purged again'),
    failed: 'Purging old jobs failed',
  });

  constructor(
    private readonly moves: JobMoves,
    private readonly retention: JobRetention,
    private readonly audit: AuditTrail,
    private readonly options: ResolvedOptions,
  ) {}

  start(): void {
    this.#leases.start();
    this.#retention.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#leases.stop(), this.#retention.stop()]);
  }

  async #purge(stop: AbortSignal): Promise<void> {
    await this.retention.purge(this.options.retentionDays, stop);
    await this.audit.purge(this.options.auditRetentionDays, stop);
  }

  async #expireLeases(): Promise<void> {
    const jobs = await this.moves.expireLeases();
    for (const { id, type, attempt, status } of jobs) {
      this.#log.warn(`Job ${id} (${type}) lost its worker in attempt ${attempt}; it is now ${status}.`);
    }
  }
}
