import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { JobError } from '../job/job-errors.ts';
import { JOBS_OPTIONS, type ResolvedOptions } from '../jobs.options.ts';
import { Authenticator } from './authenticator.ts';
import { type Caller, setCaller } from './caller.ts';

export interface HttpRequest {
  headers: Record<string, string | string[] | undefined> & { authorization?: string };
  query: Record<string, unknown>;
  params: Record<string, string>;
}

interface HttpResponse {
  /** Express's and Fastify's way to set a header. */
  header(name: string, value: string): unknown;
}

/** Authenticates every request of the library's routes: a bearer token, or 401. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Authenticator) protected readonly authenticator: Authenticator,
    @Inject(JOBS_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (!this.options.roles.includes('api'))
      throw new JobError(404, 'not_found', 'This process is a worker only.');
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const caller = await this.authenticate(request);
    if (!caller) {
      const given = bearerOf(request.headers.authorization) !== null;
      http
        .getResponse<HttpResponse>()
        .header('WWW-Authenticate', given ? 'Bearer error="invalid_token"' : 'Bearer');
      throw new JobError(
        401,
        'unauthorized',
        'A valid bearer token is needed: Authorization: Bearer <token>.',
      );
    }
    setCaller(request, caller);
    return true;
  }

  /** The caller that the request proves to come from, or null. */
  protected async authenticate({ headers }: HttpRequest): Promise<Caller | null> {
    const token = bearerOf(headers.authorization);
    return token === null ? null : this.authenticator.bearer(token);
  }
}

function bearerOf(header: string | undefined): string | null {
  const match = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(header ?? '');
  return match?.[1] ?? null;
}
