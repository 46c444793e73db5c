import { z } from 'zod';
import { AuditEntryView } from '../job/actor.ts';
import { ApiKeyView, ViewerToken } from '../job/credentials.ts';
import { JobView } from '../job/job.ts';
import { LogLine } from '../job/log-line.ts';
import { time } from '../job/time.ts';
import { revocableNames } from './requests.ts';

const nextCursor = z
  .string()
  .nullable()
  .describe('Pass it as `cursor` to get the next page; null on the last page.');

/** The response of `POST /jobs`. */
export const SubmitAnswer = z.object({ job: JobView, viewer: ViewerToken });
export type SubmitAnswer = z.infer<typeof SubmitAnswer>;

/** The response of `GET /jobs`. */
export const JobPage = z.object({ jobs: z.array(JobView).max(100), nextCursor });
export type JobPage = z.infer<typeof JobPage>;

/** The response of `GET /jobs/:id/logs`. */
export const LogPage = z.object({
  lines: z.array(LogLine).max(1_000),
  next: z.int().min(0).describe('Pass it as `after` to read on.'),
});
export type LogPage = z.infer<typeof LogPage>;

/** The response of `GET /api-keys`. */
export const ApiKeyPage = z.object({ keys: z.array(ApiKeyView).max(100), nextCursor });
export type ApiKeyPage = z.infer<typeof ApiKeyPage>;

/** The response of `POST /revocations`. */
export const RevocationAnswer = z.object({
  ...revocableNames,
  revokedAt: time.describe('Credentials issued until then are refused.'),
});
export type RevocationAnswer = z.infer<typeof RevocationAnswer>;

/** The response of `GET /audit`. */
export const AuditPage = z.object({ entries: z.array(AuditEntryView).max(100), nextCursor });
export type AuditPage = z.infer<typeof AuditPage>;
