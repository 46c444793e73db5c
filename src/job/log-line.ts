import { z } from 'zod';
import { instant } from './time.ts';

export const LogLine = z.object({
  n: z.int().min(1).describe('Counts from 1 within the job, over all attempts.'),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  text: z.string().max(2_000),
  at: instant,
});

/** A stored log line of a job. */
export type LogLine = z.infer<typeof LogLine>;

/** A line as a handler wrote it. */
export type NewLogLine = Omit<LogLine, 'n'>;
