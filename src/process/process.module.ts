import { type DynamicModule, Module } from '@nestjs/common';
import { GatheredMoves } from './gathered-moves.ts';
import { JobProcessor } from './job-processor.ts';
import { LogRecorder } from './log-recorder.ts';
import { RunningJobs } from './running-jobs.ts';
import { Worker } from './worker.ts';

/** Runs jobs. */
@Module({})
export class ProcessModule {
  static of(imports: DynamicModule[]): DynamicModule {
    const providers = [RunningJobs, LogRecorder, GatheredMoves, JobProcessor, Worker];
    return { module: ProcessModule, imports, providers, exports: providers };
  }
}
