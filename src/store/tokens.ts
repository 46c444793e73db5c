/** The host's TypeORM DataSource, under a name of ours. */
export const JOBS_DATA_SOURCE = Symbol('jobstream:data-source');
