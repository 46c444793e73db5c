export {
  JobsClient,
  type FeedFrame,
  type Frame,
  type FrameData,
  type JobFilters,
  type JobFrame,
  type JobLogLine,
  type JobsClientOptions,
  type StreamOptions,
  type SubmitAnswer,
  type SubmitOptions,
  type WatchOptions,
} from './jobs-client.ts';
export {
  JobsClientError,
  openEventStream,
  type ConnectionState,
  type EventStreamOptions,
} from './event-stream.ts';
export { SseBufferOverflow, SseParser, type ServerEvent, type SseParserOptions } from './sse-parser.ts';
export type { LogLevel } from '../job/job-handler.ts';
export type { JobFailure, JobStatus, JobView, Json, Progress } from '../job/job.ts';
export type { FeedEvents, JobEvents } from '../job/stream-events.ts';
export type { InputIssue } from '../job/job-errors.ts';
