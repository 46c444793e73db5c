import { Module } from '@nestjs/common';
import { AfterCommit } from './after-commit.ts';
import { JobCommands } from './job-commands.ts';
import { JobQueries } from './job-queries.ts';
import { JobSubmitter } from './job-submitter.ts';
import { QueueBound } from './queue-bound.ts';
import { SubmitAnnouncer } from './submit-announcer.ts';

const shared = [JobSubmitter, JobQueries, JobCommands];
const providers = [AfterCommit, SubmitAnnouncer, QueueBound, ...shared];

/** What is done with jobs, for whoever a permit stands. The facade for hosts, `Jobs`, is provided where they see it. */
@Module({ providers, exports: shared })
export class SubmitModule {}
