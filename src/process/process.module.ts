import { Module } from '@nestjs/common';
import { GatheredMoves } from './gathered-moves.ts';
import { JobProcessor } from './job-processor.ts';
import { LogRecorder } from './log-recorder.ts';
import { RunningJobs } from './running-jobs.ts';
import { Worker } from './worker.ts';

const providers = [RunningJobs, LogRecorder, GatheredMoves, JobProcessor, Worker];

/** Runs jobs. */
@Module({ providers, exports: providers })
export class ProcessModule {}
