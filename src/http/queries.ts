import { z } from 'zod';
import { nameText } from '../access/api-key-request.ts';
import { AuditAction } from '../job/actor.ts';
import { JobStatus } from '../job/job.ts';
import { storable } from '../job/text.ts';

/** An optional parameter that may be repeated. */
const many = <T extends z.ZodType>(item: T) =>
  z
    .preprocess(
      (value) => (value === undefined || Array.isArray(value) ? value : [value]),
      z.array(item).max(100),
    )
    .optional()
    .describe('May be repeated; a job must match one of the values.');

const word = storable(64);

/** Filters that lists and feeds share. */
const filters = {
  status: many(JobStatus),
  type: many(word),
  tag: many(word),
};

/** The page size. The form of `cursor` differs between lists. */
const limit = z.coerce.number().int().min(1).max(100).default(50).describe('Rows per page.');
const CURSOR = '`nextCursor` of the previous page.';

// Unknown parameters are ignored.

/** A switch that is on for exactly this value. */
const onBy = <Value extends string>(value: Value, description: string) =>
  z.literal(value).optional().catch(undefined).describe(description);

/** The query of `GET /jobs`. */
export const ListQuery = z.object({ ...filters, limit, cursor: z.uuid().optional().describe(CURSOR) });

/** The query of `GET /jobs/:id`. */
export const JobQuery = z.object({
  include: onBy('payload', '`payload` adds the payload of the job.'),
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
  after: z
    .string()
    .optional()
    .describe('For clients that cannot send `Last-Event-ID`; the header takes precedence.'),
  ticket: z
    .string()
    .optional()
    .describe(
      'From `POST /tickets`, for clients that cannot send headers. The response sets a cookie for reconnects.',
    ),
  heartbeat: onBy('event', '`event` sends heartbeats as events instead of comments.'),
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
  subject: nameText.optional().describe('Only entries of this subject.'),
  limit,
  // 18 digits always fit into a bigint.
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, 'must be the nextCursor of a page')
    .optional()
    .describe(CURSOR),
});
