import { Injectable } from '@nestjs/common';
import { JobError } from '../job/job-errors.ts';
import type { Visibility } from '../job/visibility.ts';
import { type Caller, visibilityOf } from './caller.ts';

export type Action = 'read' | 'write' | 'admin';

const ALLOWING: Record<Action, readonly string[]> = {
  read: ['jobs:read', 'jobs:tenant', 'jobs:admin'],
  write: ['jobs:write', 'jobs:admin'],
  admin: ['jobs:admin'],
};

/** What a caller may do. Which jobs it concerns is decided in SQL, by the visibility that it answers. */
@Injectable()
export class AccessPolicy {
  /** The jobs that the caller may read or change; throws `403 insufficient_scope` when there are none. */
  visibility(caller: Caller, action: Action): Visibility {
    this.require(caller, action);
    return visibilityOf(caller);
  }

  require(caller: Caller, action: Action): void {
    const allowing = ALLOWING[action];
    if (allowing.some((scope) => caller.scopes.has(scope))) return;
    throw new JobError(403, 'insufficient_scope', `This needs the scope ${allowing[0]}.`);
  }
}
