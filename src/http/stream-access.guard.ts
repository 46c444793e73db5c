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

/** Most values of the cookie that are tried. There may be several, because pages of sibling domains can set more. */
const MAX_COOKIES = 4;

/**
 * Authenticates requests for streams. `EventSource` cannot send headers, so besides a bearer token, which takes
 * precedence, these routes accept a ticket, and the cookie that a ticket was exchanged for. No other route does.
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
    // A navigation gets no cookie: a person who follows a link must not act as the one who made the link.
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

/**
 * The grant of a ticket for this stream. A job's stream answers `404` to a ticket for other jobs or the feed, and a
 * ticket for jobs does not open the feed.
 */
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
