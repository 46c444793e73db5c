import { z } from 'zod';
import { instant } from './time.ts';

export const LogLine = z.object({
  n: z.int().min(1).describe('Number of the line, counted from 1 over all attempts of the job.'),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  text: z.string().max(2_000),
  at: instant,
});

/** A stored log line of a job. */
export type LogLine = z.infer<typeof LogLine>;

/** A log line before it is stored. */
export type NewLogLine = Omit<LogLine, 'n'>;
