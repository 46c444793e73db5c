import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { JobError } from '../job/job-errors.ts';
import { JOBS_OPTIONS, type ResolvedOptions } from '../jobs.options.ts';
import { type Caller, setCaller } from './caller.ts';
import { JwtVerifier } from './jwt-verifier.ts';
import { ViewerTokens } from './viewer-tokens.ts';

interface HttpRequest {
  headers: { authorization?: string };
}

interface HttpResponse {
  /** Express's and Fastify's way to set a header. */
  header(name: string, value: string): unknown;
}

/** Authenticates every request of the library's routes: a bearer token, or 401. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(JwtVerifier) private readonly tokens: JwtVerifier,
    @Inject(ViewerTokens) private readonly viewerTokens: ViewerTokens,
    @Inject(JOBS_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (!this.options.roles.includes('api'))
      throw new JobError(404, 'not_found', 'This process is a worker only.');
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const token = bearerOf(request.headers.authorization);
    const caller = token && (await this.#verify(token));
    if (!caller) {
      http
        .getResponse<HttpResponse>()
        .header('WWW-Authenticate', token ? 'Bearer error="invalid_token"' : 'Bearer');
      throw new JobError(
        401,
        'unauthorized',
        'A valid bearer token is needed: Authorization: Bearer <token>.',
      );
    }
    setCaller(request, caller);
    return true;
  }

  #verify(token: string): Promise<Caller | null> {
    const verifier = this.viewerTokens.isViewerToken(token) ? this.viewerTokens : this.tokens;
    return verifier.verify(token);
  }
}

function bearerOf(header: string | undefined): string | null {
  const match = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(header ?? '');
  return match?.[1] ?? null;
}
