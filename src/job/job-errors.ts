import { STATUS_CODES } from 'node:http';
import { HttpException, HttpStatus } from '@nestjs/common';
import { z } from 'zod';

export const InputIssue = z.object({
  path: z.string().describe('Path of the value, such as `a.b.0`; empty for the whole input.'),
  message: z.string(),
});
/** One problem with an input, and where it is. */
export type InputIssue = z.infer<typeof InputIssue>;

export const ErrorBody = z
  .object({
    statusCode: z.int(),
    error: z.string().describe('Name of the HTTP status.'),
    message: z.string().describe('For people; may change.'),
    code: z.string().describe('Stable: decide by this, not by `message`.'),
    issues: z.array(InputIssue).optional().describe('Every problem of an invalid input.'),
  })
  .describe('An error response.');
/** The body of an error response. */
export type ErrorBody = z.infer<typeof ErrorBody>;

/** An HTTP error with a stable `code`. Its body has Nest's shape `{statusCode, error, message}` plus the code. */
export class JobError extends HttpException {
  readonly code: string;
  /** Seconds to wait before trying again, sent as `Retry-After`. Null when trying again would not help. */
  readonly retryAfter: number | null;

  constructor(
    statusCode: number,
    code: string,
    message: string,
    { issues, retryAfter = null }: { issues?: InputIssue[]; retryAfter?: number | null } = {},
  ) {
    const error = STATUS_CODES[statusCode] ?? 'Error';
    const body: ErrorBody = { statusCode, error, message, code, ...(issues ? { issues } : {}) };
    super(body, statusCode);
    this.code = code;
    this.retryAfter = retryAfter;
    this.name = new.target.name;
  }
}

/**
 * The job does not exist, or the caller may not see it. Both give byte-identical responses, so ids cannot be probed.
 */
export class JobNotFound extends JobError {
  constructor() {
    super(HttpStatus.NOT_FOUND, 'job_not_found', 'No such job.');
  }
}

export class UnknownJobType extends JobError {
  constructor(type: string) {
    super(
      HttpStatus.UNPROCESSABLE_ENTITY,
      'unknown_job_type',
      `No handler is registered for the job type "${type}". Register one with @JobHandler().`,
    );
  }
}

/** The request or the payload does not fit its schema; `issues` lists every problem. */
export class InvalidInput extends JobError {
  constructor(statusCode: 400 | 422, code: string, message: string, issues: InputIssue[]) {
    super(statusCode, code, message, { issues });
  }
}

export class IdempotencyMismatch extends JobError {
  constructor() {
    super(
      HttpStatus.UNPROCESSABLE_ENTITY,
      'idempotency_mismatch',
      'This Idempotency-Key was used before with another payload. Use a new key for a new job.',
    );
  }
}

/** The job is final, so it cannot be cancelled. */
export class JobFinal extends JobError {
  constructor() {
    super(HttpStatus.CONFLICT, 'job_final', 'The job has already ended, so it cannot be cancelled.');
  }
}

/** Only jobs that failed or were cancelled can be retried by hand. */
export class JobNotRetryable extends JobError {
  constructor() {
    super(HttpStatus.CONFLICT, 'job_not_retryable', 'Only a failed or cancelled job can be retried.');
  }
}

/** Thrown by a handler, it fails the job at once, even if attempts are left. */
export class PermanentFailure extends Error {
  /** Stored with the job and shown to its viewers; `[a-z0-9_]{1,64}`. */
  readonly code: string;

  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'PermanentFailure';
    this.code = options.code ?? 'permanent_failure';
  }
}
