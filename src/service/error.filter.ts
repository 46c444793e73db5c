import { type ArgumentsHost, Catch, HttpException, Logger } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';

const CODES: Readonly<Record<number, string>> = {
  400: 'bad_request',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};

interface Coded {
  message: string;
  status?: number;
  statusCode?: number;
}

/**
 * Gives errors that come from outside the module, such as a body that is no JSON, the module's shape:
 * `{statusCode, error, message, code}`.
 */
@Catch()
export class ErrorFilter extends BaseExceptionFilter {
  readonly #log = new Logger('Service');

  override catch(exception: unknown, host: ArgumentsHost): void {
    super.catch(this.#shaped(exception), host);
  }

  #shaped(exception: unknown): unknown {
    const status = statusOf(exception);
    if (status === null) {
      this.#log.error(exception instanceof Error ? exception.stack : String(exception));
      return new HttpException(
        body(503, 'Service Unavailable', 'The request could not be handled now. Try again.', 'unavailable'),
        503,
      );
    }
    if (exception instanceof HttpException && 'code' in exception) return exception;
    if (status === 204) return exception;
    const message = exception instanceof Error ? exception.message : 'The request is not valid.';
    return new HttpException(
      body(status, NAMES[status] ?? 'Error', message, CODES[status] ?? 'error'),
      status,
    );
  }
}

const NAMES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
};

/** The status of an HTTP error of Nest, of Express's body parser, or of Fastify; null for a fault of ours. */
function statusOf(exception: unknown): number | null {
  if (exception instanceof HttpException) return exception.getStatus();
  const { status, statusCode } = exception as Partial<Coded>;
  const found = statusCode ?? status ?? 500;
  return found >= 400 && found < 500 ? found : null;
}

function body(statusCode: number, error: string, message: string, code: string): object {
  return { statusCode, error, message, code };
}
