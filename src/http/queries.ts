import { z } from 'zod';
import { JOB_STATUSES } from '../job/job.ts';
import { isStorableText } from '../runtime/storable.ts';

/** A parameter that may be given once or more often. */
const many = <T extends z.ZodType>(item: T) =>
  z
    .preprocess(
      (value) => (value === undefined || Array.isArray(value) ? value : [value]),
      z.array(item).max(100),
    )
    .optional();

const text = z.string().min(1).max(64).refine(isStorableText, 'must not hold U+0000 or a lone surrogate');

/** Filters that lists and feeds share. */
const filters = {
  status: many(z.enum(JOB_STATUSES)),
  type: many(text),
  tag: many(text),
};

/** The query of `GET /jobs`; parameters that we do not know are ignored. */
export const ListQuery = z.object({
  ...filters,
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.uuid().optional(),
});

/** The query of `GET /jobs/:id/logs`. */
export const LogsQuery = z.object({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(0),
});

/** The query of `GET /jobs/events`. */
export const FeedQuery = z.object({ ...filters, job: many(z.uuid()) });
