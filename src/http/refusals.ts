import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, type Observable } from 'rxjs';
import { Events } from '../events/events.ts';
import { JobError } from '../job/job-errors.ts';
import { httpOf } from './http-request.ts';

/**
 * Every refusal of the routes passes here: it is told, and gets its `Retry-After`, as the body is made by the host's
 * filter, which knows nothing of that. On a controller it sees what handlers throw; guards, which Nest runs
 * before it, do their work in `pass()`. A filter of our own would keep the host's from seeing the error.
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
