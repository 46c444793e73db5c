import { STATUS_CODES } from 'node:http';
import { HttpException, HttpStatus } from '@nestjs/common';
import { z } from 'zod';

export const InputIssue = z.object({
  path: z.string().describe('`a.b.0`; empty for the whole.'),
  message: z.string(),
});
/** One thing that is wrong with an input, and where. */
export type InputIssue = z.infer<typeof InputIssue>;

export const ErrorBody = z
  .object({
    statusCode: z.int(),
    error: z.string().describe('The name of the status.'),
    message: z.string().describe('For people.'),
    code: z.string().describe('Stable: decide by this, not by `message`.'),
    issues: z.array(InputIssue).optional().describe('Where an input did not fit: every place.'),
  })
  .describe('A refusal.');
/** What an error is answered with. */
export type ErrorBody = z.infer<typeof ErrorBody>;

/** A refusal with a stable `code`, in Nest's shape: `{statusCode, error, message, code}`. */
export class JobError extends HttpException {
  readonly code: string;
  /** Seconds until the same may be tried again: the `Retry-After` of the answer. Null where that would not help. */
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

/** The job does not exist, or the caller may not know that it does: both answer the same bytes. */
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

/** The request or the payload does not fit its schema; `issues` names every place. */
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

/** Throw it in a handler to fail the job at once, whatever attempts are left. */
export class PermanentFailure extends Error {
  /** Stored with the job and shown to its viewers; `[a-z0-9_]{1,64}`. */
  readonly code: string;

  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'PermanentFailure';
    this.code = options.code ?? 'permanent_failure';
  }
}
