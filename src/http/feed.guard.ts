import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { parseRequest } from '../job/parse-request.ts';
import { permitOf } from './current-permit.ts';
import { FeedFilter } from './queries.ts';
import type { JobFilter } from '../store/job-feed.ts';
import { Admission } from '../stream/admission.ts';
import { StreamCookieHeader } from './stream-cookie-header.ts';
import { Refusals } from './refusals.ts';
import { addCookie, closableOf, httpOf, socketOf, type StreamHttpRequest } from './stream-http.ts';

/** Everything that can refuse a feed, before its first byte. */
@Injectable()
export class FeedGuard implements CanActivate {
  constructor(
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
    permit.require('read');
    filterOf(request);
    const cookie = await this.cookie.for(request);
    if (request.method !== 'HEAD')
      this.admission.admit(permit.caller, closableOf(response), socketOf(request));
    if (cookie) addCookie(response, cookie);
    return true;
  }
}

/** Which jobs the request asks for; throws `400 invalid_request` for a filter that is none. */
export function filterOf(request: StreamHttpRequest): JobFilter {
  const { job, ...filter } = parseRequest(FeedFilter, request.query);
  return { ...filter, ids: job?.map((id) => id.toLowerCase()) };
}
