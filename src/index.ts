export { JobsModule } from './jobs.module.ts';
export type {
  AccessProvider,
  ClusterNode,
  JobsModuleExtras,
  JobsModuleOptions,
  JwtOptions,
  QueueOptions,
  RedisCluster,
  RedisTarget,
  Role,
} from './jobs.options.ts';
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
export type { ProgressUpdate } from './job/progress.ts';
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
export type { Visibility } from './job/visibility.ts';
export { Jobs } from './submit/jobs.ts';
export type { ChangeOptions, LookOptions, Submission, SubmitOptions, SubmittedJob } from './submit/jobs.ts';
export { isJobStream } from './http/stream.controller.ts';
export { migrate } from './store/migrate.ts';
export { DashboardController } from './dashboard/dashboard.controller.ts';
export { JobsAccess } from './access/jobs-access.ts';
export type { AccessAction, AccessRange, AccessTarget } from './access/jobs-access.ts';
export type { Caller, CallerInput } from './access/caller.ts';
export { ApiKeys, openApiKeys } from './access/api-keys.ts';
export type { ApiKeyRequest } from './access/api-keys.ts';
export type { JobsCounts } from './events/counters.ts';
export { JobsHealth } from './jobs.health.ts';
export type { JobsMeasures, JobsReport } from './jobs.health.ts';
