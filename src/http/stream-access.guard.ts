import { type ExecutionContext, Injectable } from '@nestjs/common';
import { JobNotFound } from '../job/job-errors.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { AccessGuard } from './access.guard.ts';
import { Authenticator } from '../access/authenticator.ts';
import type { Caller } from '../access/caller.ts';
import { refuseCrossSite } from './cross-site.ts';
import { Refusals } from './refusals.ts';
import { bearerOf } from '../access/bearer.ts';
import type { HttpRequest } from './http-request.ts';
import { STREAM_COOKIE, StreamCookies, type StreamGrant } from '../access/stream-cookies.ts';
import { setGrant } from './stream-cookie-header.ts';
import { type RedeemedTicket, Tickets } from '../access/tickets.ts';

/** Values of the cookie that are tried: a page of a sister domain may add some of its own. */
const MAX_COOKIES = 4;

/**
 * Authenticates requests for streams, which `EventSource` sends without headers: besides a bearer token, which
 * wins, it takes a ticket, and the cookie that an earlier ticket turned into. No other route takes those.
 */
@Injectable()
export class StreamAccessGuard extends AccessGuard {
  constructor(
    authenticator: Authenticator,
    options: ResolvedOptions,
    refusals: Refusals,
    private readonly tickets: Tickets,
    private readonly cookies: StreamCookies,
  ) {
    super(authenticator, options, refusals);
  }

  protected override async authenticate(
    request: HttpRequest,
    context: ExecutionContext,
  ): Promise<Caller | null> {
    if (bearerOf(request) !== null) return super.authenticate(request, context);
    // The feed is the only stream whose route names no job.
    const job = request.params['id']?.toLowerCase() ?? null;
    return (
      (await this.#byTicket(request, job)) ??
      (await this.#byCookie(request, job)) ??
      super.authenticate(request, context)
    );
  }

  async #byTicket(request: HttpRequest, job: string | null): Promise<Caller | null> {
    const { ticket } = request.query;
    const redeemed = typeof ticket === 'string' ? await this.tickets.redeem(ticket) : null;
    const grant = redeemed && grantFor(redeemed, job);
    const caller = grant && (await this.authenticator.unlessRevoked(grant.caller));
    // A link that somebody follows must not leave them a cookie that stands for whoever made the link.
    if (grant && caller && request.headers['sec-fetch-mode'] !== 'navigate') setGrant(request, grant);
    return caller;
  }

  async #byCookie(request: HttpRequest, job: string | null): Promise<Caller | null> {
    for (const value of cookiesOf(request.headers['cookie'])) {
      const caller = await this.authenticator.unlessRevoked(await this.cookies.verify(value, job));
      if (!caller) continue;
      refuseCrossSite(request, this.options.trustedOrigins);
      return caller;
    }
    return null;
  }
}

/** A ticket for the feed or for other jobs looks as if there were no such job; one for jobs opens no feed. */
function grantFor({ caller, jobs, createdAt }: RedeemedTicket, job: string | null): StreamGrant | null {
  if (job === null)
    return jobs === null ? { caller: { ...caller, boundAt: createdAt }, job, at: createdAt } : null;
  if (!jobs?.includes(job)) throw new JobNotFound();
  return { caller: { ...caller, job, boundAt: createdAt }, job, at: createdAt };
}

function cookiesOf(header: string | string[] | undefined): string[] {
  const pairs = (typeof header === 'string' ? header : (header ?? []).join(';')).split(';');
  return pairs
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${STREAM_COOKIE}=`))
    .map((pair) => pair.slice(STREAM_COOKIE.length + 1))
    .slice(0, MAX_COOKIES);
}
