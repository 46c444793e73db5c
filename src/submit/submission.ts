import { z } from 'zod';
import { parseRequest } from '../job/parse-request.ts';
import { storable } from '../job/text.ts';

/** The options of a submission that both HTTP clients and code may choose. */
export const chosen = {
  priority: z
    .number()
    .int()
    .min(0)
    .max(9)
    .optional()
    .describe('Jobs with a higher priority run first. Default: 0.'),
  tags: z.array(storable(64)).max(16, 'at most 16 tags').optional(),
  maxAttempts: z.number().int().min(1).max(1_000).optional().describe('Default: `attempts` of the handler.'),
};

/** Postgres and JSON both write years before this with four digits. */
const LATEST = new Date('9999-01-01T00:00:00Z');

/** The range in which `runAt` must lie. */
export const dueTime = z.date().min(new Date(0)).max(LATEST);

const IDEMPOTENCY_KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

export const IdempotencyKey = z
  .string()
  .regex(IDEMPOTENCY_KEY, 'must be 1 to 255 printable ASCII characters')
  .optional()
  .describe(
    'Submitting the same key, tenant, type and payload again returns the same job. 1 to 255 printable ASCII characters.',
  );

const SubmissionSchema = z.object({
  tenant: storable(255),
  owner: storable(255).nullish(),
  idempotencyKey: IdempotencyKey,
  runAt: dueTime.optional(),
  ...chosen,
});

/** Throws `invalid_request` with every issue when an option of a submission is not valid. */
export function checkSubmission(submission: object): void {
  parseRequest(SubmissionSchema, submission);
}
