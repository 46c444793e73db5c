export { JobsModule } from './jobs.module.ts';
export type { JobsModuleExtras, JobsModuleOptions } from './jobs.options.ts';
export type * as JobsOptions from './option-types.ts';
export { JobHandler } from './job/job-handler.ts';
export type {
  JobContext,
  JobHandlerOptions,
  JobLog,
  JobType,
  JobTypes,
  LogLevel,
  PayloadOf,
} from './job/job-handler.ts';
export type { Actor } from './job/actor.ts';
export { isFinal, JOB_STATUSES } from './job/job.ts';
export type { Job, JobFailure, JobStatus, JobView, Json, Progress } from './job/job.ts';
export {
  IdempotencyMismatch,
  InvalidInput,
  JobError,
  JobFinal,
  JobNotFound,
  JobNotRetryable,
  PermanentFailure,
  UnknownJobType,
} from './job/job-errors.ts';
export type { InputIssue } from './job/job-errors.ts';
export { anyFaultText } from './runtime/loggable.ts';
export { Jobs } from './submit/jobs.ts';
export type { ChangeOptions, ListOptions, SubmittedJob } from './submit/jobs.ts';
export type { Submission, SubmitOptions } from './submit/job-submitter.ts';
export type { LogLine } from './job/log-line.ts';
export type { ViewerToken } from './job/credentials.ts';
export { isJobStream } from './http/stream.controller.ts';
export { migrate } from './store/migrate.ts';
export type { JobsCounts } from './events/counters.ts';
export { JobsHealth } from './jobs.health.ts';
export type { JobsMeasures, JobsReport } from './jobs.health.ts';
