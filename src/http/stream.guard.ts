import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Permit } from '../access/permit.ts';
import { formatCursor } from '../job/cursor.ts';
import { isFinal, type TenantJob } from '../job/job.ts';
import { parseRequest } from '../job/parse-request.ts';
import type { JobFilter } from '../store/job-feed.ts';
import { Admission } from '../stream/admission.ts';
import { statusCursor } from '../stream/frames.ts';
import { JobQueries } from '../submit/job-queries.ts';
import { permitOf } from './current-permit.ts';
import { addCookie, closableOf, cursorOf, httpOf, type HttpRequest, socketOf } from './http-request.ts';
import { FeedFilter } from './queries.ts';
import { Refusals } from './refusals.ts';
import { StreamCookieHeader } from './stream-cookie-header.ts';
import { StreamOver } from './stream-over.filter.ts';

const jobs = new WeakMap<object, TenantJob>();

/**
 * Everything that can refuse a stream, before its first byte: with an interceptor on the route, an error of the
 * handler would come as `200` and an `error` event, an error of a guard never does.
 */
@Injectable()
export class StreamGuard implements CanActivate {
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
    const { id } = request.params;
    if (id !== undefined) await this.#findJob(id, request, permit);
    else {
      permit.require('read');
      filterOf(request);
    }
    const cookie = await this.cookie.for(request);
    if (request.method !== 'HEAD')
      this.admission.admit(permit.caller, closableOf(response), socketOf(request));
    if (cookie) addCookie(response, cookie);
    return true;
  }

  async #findJob(id: string, request: HttpRequest, permit: Permit): Promise<void> {
    const job = await this.queries.get(id, permit);
    if (isFinal(job.status) && cursorOf(request) === formatCursor(statusCursor(job))) throw new StreamOver();
    jobs.set(request, { id: job.id, tenant: job.tenant });
  }
}

/** The job whose stream the guard has admitted. */
export function admittedJob(request: object): TenantJob {
  const job = jobs.get(request);
  if (!job) throw new Error('The route lacks StreamGuard: no stream was admitted.');
  return job;
}

/** Which jobs the request asks for; throws `400 invalid_request` for a filter that is none. */
export function filterOf(request: HttpRequest): JobFilter {
  const { job, ...filter } = parseRequest(FeedFilter, request.query);
  return { ...filter, ids: job?.map((id) => id.toLowerCase()) };
}
