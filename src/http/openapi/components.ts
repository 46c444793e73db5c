import { z } from 'zod';
import { AuditAction, AuditEntryView } from '../../job/actor.ts';
import { ApiKeyView, NewApiKeyView, Scope, Ticket, ViewerToken } from '../../job/credentials.ts';
import { JobFailure, JobStatus, JobView, Progress } from '../../job/job.ts';
import { ErrorBody, InputIssue } from '../../job/job-errors.ts';
import { LogLine } from '../../job/log-line.ts';
import * as events from '../../job/stream-events.ts';
import { ApiKeyPage, AuditPage, JobPage, LogPage, RevocationAnswer, SubmitAnswer } from '../answers.ts';
import { ApiKeyRequest, RevocationRequest, SubmitRequest, TicketRequest } from '../requests.ts';

/** A frame as a client reads it, told apart by its event; `data` is what the JSON of its line holds. */
function frameOf(named: Record<string, z.ZodType>): z.ZodType {
  const frames = Object.entries(named).map(([event, data]) =>
    z.object({
      event: z.literal(event),
      id: z.string().describe('The place to resume from.'),
      retry: z.int().optional().describe('Milliseconds to wait before reconnecting.'),
      data,
    }),
  );
  return z.discriminatedUnion('event', frames as never);
}

export const JobStreamFrame = frameOf(events.JOB_EVENTS).describe('A frame of the stream of one job.');
export const FeedFrame = frameOf(events.FEED_EVENTS).describe('A frame of the feed of many jobs.');

/** In requests and answers alike. */
const SHARED = { JobStatus, Scope, AuditAction };

const REQUESTS = { SubmitRequest, TicketRequest, ApiKeyRequest, RevocationRequest };

const ANSWERS = {
  Progress,
  JobFailure,
  JobView,
  ViewerToken,
  SubmitAnswer,
  JobPage,
  LogLine,
  LogPage,
  JobData: events.JobData,
  StateData: events.StateData,
  ProgressData: events.ProgressData,
  LogData: events.LogData,
  ResetData: events.ResetData,
  ByeData: events.ByeData,
  GoneData: events.GoneData,
  NoData: events.NoData,
  JobStreamFrame,
  FeedFrame,
  Ticket,
  ApiKey: ApiKeyView,
  NewApiKey: NewApiKeyView,
  ApiKeyPage,
  Revocation: RevocationAnswer,
  AuditEntry: AuditEntryView,
  AuditPage,
  Error: ErrorBody,
  InputIssue,
};

/** The schemas that the document refers to by name: as a request gives them, and as an answer holds them. */
export const COMPONENTS: { input: Record<string, z.ZodType>; output: Record<string, z.ZodType> } = {
  input: { ...SHARED, ...REQUESTS },
  output: { ...SHARED, ...ANSWERS },
};
