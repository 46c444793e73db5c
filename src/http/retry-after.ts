import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, type Observable } from 'rxjs';
import { JobError } from '../job/job-errors.ts';
import type { HttpResponse } from './http-request.ts';

/** Sets `Retry-After` where an error knows it: the body is made by the host's filter, which does not. */
export function setRetryAfter(error: unknown, response: HttpResponse): void {
  if (error instanceof JobError && error.retryAfter !== null)
    response.header('Retry-After', String(error.retryAfter));
}

/** Does so for errors of a route's handler. */
@Injectable()
export class RetryAfter implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      catchError((error: unknown) => {
        setRetryAfter(error, context.switchToHttp().getResponse<HttpResponse>());
        throw error;
      }),
    );
  }
}
