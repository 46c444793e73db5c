import { z } from 'zod';
import { AuditAction, AuditEntryView } from '../../job/actor.ts';
import { ApiKeyView, NewApiKeyView, Scope, Ticket, ViewerToken } from '../../job/credentials.ts';
import { JobFailure, JobStatus, JobView, Progress } from '../../job/job.ts';
import { ErrorBody, InputIssue } from '../../job/job-errors.ts';
import { LogLine } from '../../job/log-line.ts';
import * as streams from '../../job/stream-events.ts';
import * as answers from '../answers.ts';
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

const { JOB_EVENTS, FEED_EVENTS, ...DATA } = streams;
const { RevocationAnswer: Revocation, ...PAGES } = answers;

export const JobStreamFrame = frameOf(JOB_EVENTS).describe('A frame of the stream of one job.');
export const FeedFrame = frameOf(FEED_EVENTS).describe('A frame of the feed of many jobs.');

/** In requests and answers alike. */
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

/** The schemas that the document refers to by name: as a request gives them, and as an answer holds them. */
export const COMPONENTS: { input: Record<string, z.ZodType>; output: Record<string, z.ZodType> } = {
  input: { ...SHARED, ...REQUESTS },
  output: { ...SHARED, ...ANSWERS },
};
