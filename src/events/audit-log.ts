import { Injectable, Logger } from '@nestjs/common';
import { type Act, actingIn, type AuditAction } from '../job/actor.ts';
import type { Events } from './events.ts';
import type { Change } from './facts.ts';

/**
 * Writes every act that has an actor to the log, as a line of JSON. The audit's rows are written by the statements that
 * make the changes; these lines follow after the commit.
 */
@Injectable()
export class AuditLog {
  readonly #log = new Logger('Jobstream audit');

  listenTo(events: Events): void {
    events.on('submitted', ({ jobs }) => this.#writeAll('submit', jobs));
    // A change without an actor is not an act: a worker or the sweeper made it.
    events.on('settled', ({ jobs }) => this.#writeAll('cancel', jobs));
    events.on('requeued', ({ jobs }) => this.#writeAll('retry', jobs));
    events.on('cancelRequested', ({ job, actor, repeated }) => {
      if (!repeated) this.#writeOfJob('cancel', { job, actor });
    });
    events.on('accessChanged', ({ act }) => this.#write(act));
  }

  #writeAll(action: AuditAction, changes: readonly Change[]): void {
    for (const change of changes) this.#writeOfJob(action, change);
  }

  #writeOfJob(action: AuditAction, { job, actor }: Pick<Change, 'job' | 'actor'>): void {
    if (!actor) return;
    const { id, type, tenant } = job;
    this.#write({
      ...actingIn(tenant, actor),
      action,
      target: { kind: 'job', id },
      detail: { type, tenant },
    });
  }

  #write(act: Act): void {
    this.#log.log(JSON.stringify(act));
  }
}
