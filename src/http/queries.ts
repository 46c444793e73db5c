import { z } from 'zod';
import { nameText } from '../access/api-key-request.ts';
import { AuditAction } from '../job/actor.ts';
import { JobStatus } from '../job/job.ts';
import { storable } from '../job/text.ts';

/** A parameter that may be given once or more often. */
const many = <T extends z.ZodType>(item: T) =>
  z
    .preprocess(
      (value) => (value === undefined || Array.isArray(value) ? value : [value]),
      z.array(item).max(100),
    )
    .optional()
    .describe('May be given more than once: one of them has to match.');

const word = storable(64);

/** Filters that lists and feeds share. */
const filters = {
  status: many(JobStatus),
  type: many(word),
  tag: many(word),
};

/** How much of a list to answer; `cursor` is of another form for each. */
const limit = z.coerce.number().int().min(1).max(100).default(50).describe('Rows per page.');
const CURSOR = '`nextCursor` of the page before.';

// Parameters that we do not know are ignored.

/** Off where it has another value than this. */
const onBy = <Value extends string>(value: Value, description: string) =>
  z.literal(value).optional().catch(undefined).describe(description);

/** The query of `GET /jobs`. */
export const ListQuery = z.object({ ...filters, limit, cursor: z.uuid().optional().describe(CURSOR) });

/** The query of `GET /jobs/:id`. */
export const JobQuery = z.object({
  include: onBy('payload', '`payload` adds what the job was submitted with.'),
});

/** The query of `GET /jobs/:id/logs`. */
export const LogsQuery = z.object({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(0)
    .describe('Only lines after this number.'),
});

/** What the queries of streams share. */
const stream = {
  after: z.string().optional().describe('`Last-Event-ID` for clients without headers; the header wins.'),
  ticket: z
    .string()
    .optional()
    .describe(
      'From `POST /tickets`, for clients without headers; the stream then sets a cookie for reconnects.',
    ),
  heartbeat: onBy('event', 'Beat by an event instead of a comment.'),
};

/** The query of `GET /jobs/:id/events`. */
export const StreamQuery = z.object({
  logs: onBy('1', '`1` adds `log` events.'),
  ...stream,
});

/** Which jobs a feed shows. */
export const FeedFilter = z.object({ ...filters, job: many(z.uuid()) });

/** The query of `GET /jobs/events`. */
export const FeedQuery = FeedFilter.extend(stream);

/** The query of `GET /api-keys`. */
export const ApiKeysQuery = z.object({ limit, cursor: z.uuid().optional().describe(CURSOR) });

/** The query of `GET /audit`. */
export const AuditQuery = z.object({
  action: AuditAction.optional().describe('Only entries of this kind.'),
  subject: nameText.optional().describe('Only what this subject did.'),
  limit,
  // 18 digits fit a bigint, and are more than there will ever be entries.
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, 'must be the nextCursor of a page')
    .optional()
    .describe(CURSOR),
});
