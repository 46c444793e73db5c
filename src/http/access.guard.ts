import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { JobError } from '../job/job-errors.ts';
import { ResolvedOptions } from '../jobs.options.ts';
import { Authenticator } from '../access/authenticator.ts';
import type { Caller } from '../access/caller.ts';
import { bearerOf } from '../access/bearer.ts';
import { refuseCrossSite } from './cross-site.ts';
import { setPermit } from './current-permit.ts';
import { Refusals } from './refusals.ts';
import { httpOf, type HttpRequest } from './http-request.ts';

/** Authenticates every request to the library's routes, or answers 401. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    protected readonly authenticator: Authenticator,
    protected readonly options: ResolvedOptions,
    private readonly refusals: Refusals,
  ) {}

  canActivate(context: ExecutionContext): Promise<boolean> {
    return this.refusals.pass(context, () => this.#enter(context));
  }

  async #enter(context: ExecutionContext): Promise<boolean> {
    if (!this.options.roles.includes('api'))
      throw new JobError(404, 'not_found', 'This process only runs jobs and serves no API.');
    const { request, response } = httpOf(context);
    const caller = await this.authenticate(request, context);
    if (!caller) {
      const how = bearerOf(request) === null ? 'Bearer' : 'Bearer error="invalid_token"';
      response.header('WWW-Authenticate', how);
      const message = 'A valid bearer token is needed: Authorization: Bearer <token>.';
      throw new JobError(401, 'unauthorized', message);
    }
    setPermit(request, this.authenticator.permit(caller));
    return true;
  }

  /** The authenticated caller of the request, or null. */
  protected async authenticate(request: HttpRequest, context: ExecutionContext): Promise<Caller | null> {
    const token = bearerOf(request);
    if (token !== null && this.authenticator.isOurs(token)) return this.authenticator.bearer(token);
    const caller = await this.authenticator.ofHost(context);
    // A browser adds cookies, `Basic` and `Negotiate` on its own. They prove who the user is, but not that the user
    // wants the request.
    if (caller && token === null) refuseCrossSite(request, this.options.trustedOrigins);
    return caller;
  }
}
