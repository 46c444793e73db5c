import { z } from 'zod';
import { AuditAction, AuditEntryView } from '../../job/actor.ts';
import { ApiKeyView, NewApiKeyView, Scope, Ticket, ViewerToken } from '../../job/credentials.ts';
import { JobFailure, JobStatus, JobView, Progress } from '../../job/job.ts';
import { ErrorBody, InputIssue } from '../../job/job-errors.ts';
import { LogLine } from '../../job/log-line.ts';
import * as streams from '../../job/stream-events.ts';
import * as answers from '../answers.ts';
import { ApiKeyRequest, RevocationRequest, SubmitRequest, TicketRequest } from '../requests.ts';

/** The schema of a whole frame, discriminated by its event; `data` is the parsed JSON of the data line. */
function frameOf(named: Record<string, z.ZodType>): z.ZodType {
  const frames = Object.entries(named).map(([event, data]) =>
    z.object({
      event: z.literal(event),
      id: z.string().describe('The position to resume from.'),
      retry: z.int().optional().describe('Milliseconds to wait before reconnecting.'),
      data,
    }),
  );
  return z.discriminatedUnion('event', frames as never);
}

const { JOB_EVENTS, FEED_EVENTS, ...DATA } = streams;
const { RevocationAnswer: Revocation, ...PAGES } = answers;

export const JobStreamFrame = frameOf(JOB_EVENTS).describe('A frame of the stream of one job.');
export const FeedFrame = frameOf(FEED_EVENTS).describe('A frame of the feed of many jobs.');

/** Used in both requests and responses. */
const SHARED = { JobStatus, Scope, AuditAction };

const REQUESTS = { SubmitRequest, TicketRequest, ApiKeyRequest, RevocationRequest };

const ANSWERS = {
  ...PAGES,
  ...DATA,
  Progress,
  JobFailure,
  JobView,
  ViewerToken,
  LogLine,
  JobStreamFrame,
  FeedFrame,
  Ticket,
  ApiKey: ApiKeyView,
  NewApiKey: NewApiKeyView,
  Revocation,
  AuditEntry: AuditEntryView,
  Error: ErrorBody,
  InputIssue,
};

/** The schemas with names in the document: one set for requests and one for responses. */
export const COMPONENTS: { input: Record<string, z.ZodType>; output: Record<string, z.ZodType> } = {
  input: { ...SHARED, ...REQUESTS },
  output: { ...SHARED, ...ANSWERS },
};
