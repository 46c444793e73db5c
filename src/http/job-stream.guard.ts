import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { permitOf } from './current-permit.ts';
import { Refusals } from './refusals.ts';
import { formatCursor } from '../job/cursor.ts';
import { isFinal, type TenantJob } from '../job/job.ts';
import { Admission } from '../stream/admission.ts';
import { JobQueries } from '../submit/job-queries.ts';
import { StreamCookieHeader } from './stream-cookie-header.ts';
import { statusCursor } from '../stream/frames.ts';
import { addCookie, closableOf, cursorOf, httpOf, socketOf } from './stream-http.ts';
import { StreamOver } from './stream-over.filter.ts';

/**
 * Everything that can refuse a stream, before its first byte: with an interceptor on the route, an error of the
 * handler would come as `200` and an `error` event (pitfall A1), an error of a guard never does.
 */
@Injectable()
export class JobStreamGuard implements CanActivate {
  constructor(
    private readonly queries: JobQueries,
    private readonly admission: Admission,
    private readonly cookie: StreamCookieHeader,
    private readonly refusals: Refusals,
  ) {}

  canActivate(context: ExecutionContext): Promise<boolean> {
    return this.refusals.pass(context, () => this.#enter(context));
  }

  async #enter(context: ExecutionContext): Promise<boolean> {
    const { request, response } = httpOf(context);
    const permit = permitOf(request);
    const job = await this.queries.get(request.params['id'] ?? '', permit);
    if (isFinal(job.status) && cursorOf(request) === formatCursor(statusCursor(job))) throw new StreamOver();
    const cookie = await this.cookie.for(request);
    if (request.method !== 'HEAD')
      this.admission.admit(permit.caller, closableOf(response), socketOf(request));
    if (cookie) addCookie(response, cookie);
    setAdmitted(request, { id: job.id, tenant: job.tenant });
    return true;
  }
}

const ADMITTED = Symbol('jobstream:admitted');

interface Carrier {
  [ADMITTED]?: TenantJob;
}

function setAdmitted(request: object, job: TenantJob): void {
  (request as Carrier)[ADMITTED] = job;
}

/** The job whose stream the guard has admitted. */
export function admittedJob(request: object): TenantJob {
  const job = (request as Carrier)[ADMITTED];
  if (!job) throw new Error('The route lacks JobStreamGuard: no stream was admitted.');
  return job;
}
