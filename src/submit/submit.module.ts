import { Module } from '@nestjs/common';
import { AfterCommit } from './after-commit.ts';
import { JobCommands } from './job-commands.ts';
import { JobQueries } from './job-queries.ts';
import { JobSubmitter } from './job-submitter.ts';
import { QueueBound } from './queue-bound.ts';
import { SubmitAnnouncer } from './submit-announcer.ts';

const shared = [JobSubmitter, JobQueries, JobCommands];
const providers = [AfterCommit, SubmitAnnouncer, QueueBound, ...shared];

/**
 * Submits, reads and changes jobs on behalf of the holder of a permit. `Jobs`, the facade for hosts, is provided by
 * `JobsModule`.
 */
@Module({ providers, exports: shared })
export class SubmitModule {}
