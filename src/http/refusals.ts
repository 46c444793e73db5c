import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, type Observable } from 'rxjs';
import { Events } from '../events/events.ts';
import { JobError } from '../job/job-errors.ts';
import { httpOf } from './http-request.ts';

/**
 * Handles every refusal of the routes: tells it as a fact and sets `Retry-After`, which the host's exception filter
 * does not know. As an interceptor of the controllers it sees errors of handlers. Guards, which Nest runs before
 * interceptors, do their work within `pass()`. An exception filter is no alternative: it would keep the host's filter
 * from seeing the error.
 */
@Injectable()
export class Refusals implements NestInterceptor {
  constructor(private readonly events: Events) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError((error: unknown) => this.#rethrow(error, context)));
  }

  async pass<T>(context: ExecutionContext, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      return this.#rethrow(error, context);
    }
  }

  #rethrow(error: unknown, context: ExecutionContext): never {
    if (error instanceof JobError) {
      const { code, retryAfter } = error;
      this.events.tell({ name: 'refused', statusCode: error.getStatus(), code });
      if (retryAfter !== null) httpOf(context).response.header('Retry-After', String(retryAfter));
    }
    throw error;
  }
}
