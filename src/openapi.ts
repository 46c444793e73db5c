export { jobsOpenApi } from './http/openapi/document.ts';
export type {
  JobsOpenApiDocument,
  JobsOpenApiOptions,
  Operation,
  SecurityScheme,
} from './http/openapi/document.ts';
export { addJobsTo } from './http/openapi/merge.ts';
export type { AddJobsOptions, HostDocument } from './http/openapi/merge.ts';
