import { type ExecutionContext, Injectable } from '@nestjs/common';
import { type HttpRequest, bearerOf } from './http-request.ts';
import type { Caller } from '../access/caller.ts';
import { JobsAccess } from '../access/jobs-access.ts';
import { JwtVerifier } from '../access/jwt-verifier.ts';

/** What is in force unless a host brings its own: JSON Web Tokens, and the scopes in them. */
@Injectable()
export class BearerAccess extends JobsAccess {
  constructor(private readonly tokens: JwtVerifier) {
    super();
  }

  async authenticate(context: ExecutionContext): Promise<Caller | null> {
    const { headers } = context.switchToHttp().getRequest<HttpRequest>();
    const token = bearerOf(headers.authorization);
    return token === null ? null : this.tokens.verify(token);
  }
}
