import { STATUS_CODES } from 'node:http';

const CODES: Readonly<Record<number, string>> = {
  400: 'bad_request',
  404: 'not_found',
  408: 'request_timeout',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  417: 'expectation_failed',
  431: 'headers_too_large',
  503: 'unavailable',
};

/** The module's shape of an error, for those that come from outside it. */
export function errorBody(statusCode: number, message: string): object {
  return {
    statusCode,
    error: STATUS_CODES[statusCode] ?? 'Error',
    message,
    code: CODES[statusCode] ?? 'error',
  };
}
