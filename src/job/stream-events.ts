import { z } from 'zod';
import { JobChangeView, JobView, Progress } from './job.ts';
import { LogLine } from './log-line.ts';
import { instant } from './time.ts';

export const JobData = z.object({ job: JobView });
export const StateData = JobChangeView;
export const ProgressData = z.object({
  attempt: z.int().min(1),
  progress: Progress,
  at: instant,
});
export const LogData = z.object({
  lines: z.array(LogLine),
  dropped: z.int().min(0).describe('Number of lines left out before these.'),
});
export const ResetData = z.object({ reason: z.string().describe('`malformed_cursor` or `unknown_cursor`.') });
export const ByeData = z.object({
  reason: z.enum(['rotate', 'drain', 'slow', 'expired', 'revoked', 'gone']),
  reconnect: z.boolean().describe('Whether the client should reconnect with the id of its last frame.'),
});
export const GoneData = z.object({ id: z.uuid() });
export const NoData = z.object({});

/** The events of a job's stream, and the schema of their `data`. */
export const JOB_EVENTS = {
  snapshot: JobData,
  state: StateData,
  progress: ProgressData,
  log: LogData,
  end: JobData,
  reset: ResetData,
  bye: ByeData,
  heartbeat: NoData,
} as const;

/** The events of the feed of many jobs, and the schema of their `data`. */
export const FEED_EVENTS = {
  job: JobData,
  gone: GoneData,
  ready: NoData,
  reset: ResetData,
  bye: ByeData,
  heartbeat: NoData,
} as const;

type DataOf<Events extends Record<string, z.ZodType>> = { [Event in keyof Events]: z.infer<Events[Event]> };

/** The data of each event of a job's stream, by the event's name. */
export type JobEvents = DataOf<typeof JOB_EVENTS>;
/** The data of each event of a feed, by the event's name. */
export type FeedEvents = DataOf<typeof FEED_EVENTS>;
