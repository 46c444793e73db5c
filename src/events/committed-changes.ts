import { Injectable } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import type { Job } from '../job/job.ts';

/** What those who are told of a change need to know of the job. */
export type ChangedJob = Pick<Job, 'id' | 'version' | 'tenant' | 'status'>;

/**
 * Status changes that this process has committed. The relay and the nudges to other processes hang on it;
 * both are hints, so a listener that misses one is late, never wrong.
 */
@Injectable()
export class CommittedChanges {
  readonly #changes = new Subject<readonly ChangedJob[]>();
  readonly changes$: Observable<readonly ChangedJob[]> = this.#changes.asObservable();

  announce(jobs: readonly ChangedJob[]): void {
    if (jobs.length > 0) this.#changes.next(jobs);
  }
}
