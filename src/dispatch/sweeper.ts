import { Injectable, Logger } from '@nestjs/common';
import { FaultLog } from '../runtime/fault-log.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import type { Part } from '../runtime/part.ts';
import { AuditTrail } from '../store/audit-trail.ts';
import { JobMoves } from '../store/job-moves.ts';
import { JobRetention } from '../store/job-retention.ts';

/** How often leases that ran out are looked for: with a lease, the longest that a dead worker holds a job. */
const LEASES_MS = 1_000;
const RETENTION_MS = 60_000;

/** Takes jobs away from workers that stopped answering, and purges what is old enough. Every process runs one. */
@Injectable()
export class Sweeper implements Part {
  readonly #log = new Logger('Jobstream sweeper');
  readonly #faults = new FaultLog('Jobstream sweeper');
  #timers: NodeJS.Timeout[] = [];
  #working: Promise<void> = Promise.resolve();

  constructor(
    private readonly moves: JobMoves,
    private readonly retention: JobRetention,
    private readonly audit: AuditTrail,
    private readonly options: ResolvedOptions,
  ) {}

  start(): void {
    this.#timers = [
      setInterval(() => this.#queue(() => this.#expireLeases()), LEASES_MS),
      setInterval(() => this.#queue(() => this.#purge()), RETENTION_MS),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#working;
  }

  #queue(work: () => Promise<unknown>): void {
    this.#working = this.#working.then(work).then(
      () => undefined,
      (error: Error) => this.#faults.report('Sweeping failed', error),
    );
  }

  async #purge(): Promise<void> {
    await this.retention.purge(this.options.retentionDays);
    await this.audit.purge(this.options.auditRetentionDays);
  }

  async #expireLeases(): Promise<void> {
    const jobs = await this.moves.expireLeases();
    for (const { id, type, attempt, status } of jobs) {
      this.#log.warn(`Job ${id} (${type}) lost its worker in attempt ${attempt}; it is ${status} now.`);
    }
  }
}
