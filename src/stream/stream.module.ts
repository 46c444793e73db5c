import { Module } from '@nestjs/common';
import { Admission } from './admission.ts';
import { FeedHub } from './feed-hub.ts';
import { FeedStream } from './feed-stream.ts';
import { JobHub } from './job-hub.ts';
import { JobReader } from './job-reader.ts';
import { JobStream } from './job-stream.ts';
import { ReadFaults } from './read-faults.ts';
import { StreamMeasures } from './stream-measures.ts';
import { Viewers } from './viewers.ts';

const providers = [
  ReadFaults,
  JobReader,
  JobHub,
  Viewers,
  Admission,
  StreamMeasures,
  JobStream,
  FeedHub,
  FeedStream,
];

/** Streams of one job and of many. */
@Module({ providers, exports: providers })
export class StreamModule {}
