import { type ArgumentsHost, Catch, HttpException, Logger } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { anyFaultText } from '../index.ts';
import { errorBody } from './error-body.ts';

/** Seconds; about as long as Postgres takes to restart, or a replica to be promoted. */
const RETRY_AFTER = '5';
/** A statement whose answer is missing may have been carried out. */
const UNAVAILABLE =
  'The request could not be handled now; it may still have been carried out. Try again: a submit that repeats its Idempotency-Key makes no second job.';

/**
 * Gives errors that come from outside the module, such as a body that is no JSON, the module's shape:
 * `{statusCode, error, message, code}`.
 */
@Catch()
export class ErrorFilter extends BaseExceptionFilter {
  readonly #log = new Logger('Service');

  override catch(exception: unknown, host: ArgumentsHost): void {
    const status = statusOf(exception);
    super.catch(status === null ? this.#unavailable(exception, host) : this.#shaped(exception, status), host);
  }

  #unavailable(exception: unknown, host: ArgumentsHost): HttpException {
    this.#log.error(anyFaultText(exception));
    const adapter = this.httpAdapterHost?.httpAdapter;
    const response: unknown = host.switchToHttp().getResponse();
    if (adapter && !adapter.isHeadersSent(response)) adapter.setHeader(response, 'Retry-After', RETRY_AFTER);
    return new HttpException(errorBody(503, UNAVAILABLE), 503);
  }

  #shaped(exception: unknown, status: number): unknown {
    if (hasCode(exception)) return exception;
    const message = exception instanceof Error ? exception.message : 'The request is not valid.';
    return new HttpException(errorBody(status, message), status);
  }
}

/** Whether the body that the error brings has the module's shape already. */
function hasCode(exception: unknown): boolean {
  const body = exception instanceof HttpException ? exception.getResponse() : null;
  return typeof body === 'object' && body !== null && 'code' in body;
}

/** The status of an HTTP error of Nest, of Express's body parser, or of Fastify; null for a fault of ours. */
function statusOf(exception: unknown): number | null {
  if (exception instanceof HttpException) return exception.getStatus();
  const { status, statusCode } = exception as { status?: number; statusCode?: number };
  const found = statusCode ?? status ?? 500;
  return found >= 400 && found < 500 ? found : null;
}
